// The package's second module, in whichever thread this file is loaded.

import { instantiate } from './instantiate.js';
import * as module from './portable_rsa_bg.js';

let started;

/**
 * Starts the module, once. After a failure the next call tries again.
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
  const place = new URL('./portable_rsa_bg.wasm', import.meta.url);
  const { exports } = await instantiate(place, open, { './portable_rsa_bg.js': module });
  module.__wbg_set_wasm(exports);
  exports.__wbindgen_start();
}

/** Calls one of the module's functions, and overwrites what it was given. */
export function perform(operation, values) {
  try {
    return module[operation](...values);
  } finally {
    for (const value of values) if (value instanceof Uint8Array) value.fill(0);
  }
}
