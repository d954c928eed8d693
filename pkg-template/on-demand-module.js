// The package's second WebAssembly module, instantiated in the thread that imports this file.

import { instantiate } from './instantiate.js';
import * as bindings from './on_demand_bg.js';

let started;

/**
 * Loads and starts the module, once. After a failure the next call tries again.
 *
 * @param {(place: URL) => Promise<Response | BufferSource>} open
 */
export function start(open) {
  started ??= startWith(open).catch((error) => {
    started = undefined;
    throw error;
  });
  return started;
}

async function startWith(open) {
  // In this form, and in this place, bundlers see that the file has to come along.
  const place = new URL('./on_demand_bg.wasm', import.meta.url);
  const { exports } = await instantiate(place, open, { './on_demand_bg.js': bindings });
  bindings.__wbg_set_wasm(exports);
  exports.__wbindgen_start();
}

/** Calls one of the module's exports, and zeroizes the arrays among its arguments. */
export function perform(operation, values) {
  try {
    return bindings[operation](...values);
  } finally {
    for (const value of values) if (value instanceof Uint8Array) value.fill(0);
  }
}
