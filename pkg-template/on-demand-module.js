// The package's second WebAssembly module, instantiated in the thread that imports this file.

import { instantiate } from './instantiate.js';
import * as bindings from './on_demand_bg.js';

let started;

/**
 * Loads and starts the module, once. After a failure the next call tries again.
 *
 * @param {(place: unknown) => Promise<Response | BufferSource>} open
 * @param {() => unknown} place where the module is, or what is in it
 */
export function start(open, place) {
  started ??= startWith(open, place).catch((error) => {
    started = undefined;
    throw error;
  });
  return started;
}

async function startWith(open, place) {
  const { exports } = await instantiate(await place(), open, { './on_demand_bg.js': bindings });
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
