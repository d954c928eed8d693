// Starts the compiled module, once. The entries (`index.js`, `node.js`) differ only in how they open a URL. `errors.js`
// and `imports.js` are generated (`crates/xtask/src/package/assemble.rs`), `vaultshare_bg.js` by wasm-bindgen.

import { VaultError } from './errors.js';
import { beforeInit } from './guard.js';
import { imports } from './imports.js';
import { instantiate, LoadError, notStarted } from './instantiate.js';
import { OnDemandModule } from './on-demand.js';
import { missing } from './platform.js';
import * as bindings from './vaultshare_bg.js';

// One for all entries: a program that reaches this package by two of them still has one module.
let started;

/**
 * Gives the promise of the one start, starting now if nobody has. After a failure the next call tries again.
 *
 * @param {unknown} given what `init` was given: a source, or several by name
 * @param {{ main: () => unknown, onDemand: () => unknown, newWorker?: () => Worker }} files where the entry has the rest
 * @param {(place: string | URL | Request) => Promise<Response | BufferSource>} open
 */
export function startOnce(given, files, open) {
  started ??= start(given, files, open).catch((error) => {
    started = undefined;
    throw vaultError(error);
  });
  return started;
}

async function start(given, files, open) {
  if (missing.length > 0) {
    throw new LoadError(
      'platform',
      `${missing.join(' and ')} must be there before vaultshare is imported: ${polyfill}`,
    );
  }
  const { module, onDemandModule } = named(given);
  const instance = module == null ? await instantiateBeside(files, open) : await instantiate(module, open, imports);
  try {
    bindings.__wbg_set_wasm(instance.exports);
    instance.exports.__wbindgen_start();
    // The package's worker knows no other place than its own.
    const newWorker = onDemandModule == null ? files.newWorker : undefined;
    const place = () => onDemandModule ?? placeOf(files.onDemand);
    bindings.useOnDemandModule(new OnDemandModule(open, place, newWorker));
  } catch (error) {
    bindings.__wbg_set_wasm(beforeInit);
    throw notStarted(error);
  }
}

function named(given) {
  if (Object.prototype.toString.call(given) !== '[object Object]') return { module: given };
  const unknown = Object.keys(given).find((name) => name !== 'module' && name !== 'onDemandModule');
  if (unknown === undefined) return given;
  throw new LoadError('source', 'init() takes `module` and `onDemandModule`, and no other name');
}

/** What whoever bundled the package without its files can do. */
const advice =
  'import "vaultshare/inline", which needs none, or pass init({ module, onDemandModule }), as Cloudflare Workers do';

async function instantiateBeside(files, open) {
  const place = await placeOf(files.main);
  try {
    return await instantiate(place, open, imports);
  } catch (error) {
    if (error.kind !== 'start') error.message += `. Where a bundler has left the file behind: ${advice}`;
    throw error;
  }
}

/** Where a bundle has no URL of its own, as a script or in CommonJS, its files cannot be found beside it. */
async function placeOf(file) {
  try {
    return await file();
  } catch (cause) {
    if (cause instanceof LoadError) throw cause;
    throw new LoadError('source', `this bundle does not know where its files are: ${advice}`, { cause });
  }
}

/** What whoever tests with an incomplete platform can do. */
const polyfill = "with Jest's jsdom, take the environment jest-fixed-jsdom";

const codes = {
  platform: 'INVALID_ARGUMENT',
  source: 'INVALID_ARGUMENT',
  network: 'NETWORK',
  status: 'BAD_RESPONSE',
  start: 'INTERNAL',
};

/** What `init` rejects with. */
function vaultError(error) {
  if (!(error instanceof LoadError)) return error;
  return new VaultError(codes[error.kind], error.message, error.status, undefined, error.cause);
}
