// Starts the compiled module, once. The entries (`index.js`, `node.js`) differ only in how they open a URL. `errors.js`
// and `imports.js` are generated (`crates/xtask/src/package/assemble.rs`), `vaultshare_bg.js` by wasm-bindgen.

import { VaultError } from './errors.js';
import { beforeInit } from './guard.js';
import { imports } from './imports.js';
import { instantiate, LoadError, notStarted } from './instantiate.js';
import { OnDemandModule } from './on-demand.js';
import * as bindings from './vaultshare_bg.js';

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
    throw vaultError(error);
  });
  return started;
}

async function start(source, open) {
  const instance = await instantiate(source, open, imports);
  try {
    bindings.__wbg_set_wasm(instance.exports);
    instance.exports.__wbindgen_start();
    bindings.useOnDemandModule(new OnDemandModule(open));
  } catch (error) {
    bindings.__wbg_set_wasm(beforeInit);
    throw notStarted(error);
  }
}

const codes = { source: 'INVALID_ARGUMENT', network: 'NETWORK', status: 'BAD_RESPONSE', start: 'INTERNAL' };

/** What `init` rejects with. */
function vaultError(error) {
  if (!(error instanceof LoadError)) return error;
  return new VaultError(codes[error.kind], error.message, error.status, undefined, error.cause);
}
