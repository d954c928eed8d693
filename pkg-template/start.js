// Starts the compiled module, once. The entries (`index.js`, `node.js`) differ only in how they open a URL.

import * as bindings from './vaultshare_bg.js';
import { beforeInit } from './guard.js';
import { imports } from './imports.js';
import { instantiate, notStarted } from './instantiate.js';
import { openWith } from './portable-rsa.js';

// One for all entries: a program that reaches this package by two of them still has one module.
let started;

/**
 * Gives the promise of the one start, starting now if nobody has. After a failure the next call tries again.
 *
 * @param {unknown} source what `init` was given, or where the module lies beside the entry
 * @param {(place: string | URL | Request) => Promise<Response | BufferSource>} open
 */
export function startOnce(source, open) {
  started ??= start(source, open).catch((error) => {
    started = undefined;
    throw error;
  });
  return started;
}

async function start(source, open) {
  const instance = await instantiate(source, open, imports);
  try {
    bindings.__wbg_set_wasm(instance.exports);
    instance.exports.__wbindgen_start();
  } catch (error) {
    bindings.__wbg_set_wasm(beforeInit);
    throw notStarted(error);
  }
  openWith(open);
}
