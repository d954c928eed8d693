// Starts the compiled module, once. The entries (`index.js`, `node.js`) differ only in how they open a URL.

import * as bindings from './vaultshare_bg.js';
import { VaultError } from './errors.js';
import { beforeInit } from './guard.js';
import { imports } from './imports.js';

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
  const code = isPlace(source) ? await opened(source, open) : source;
  let instance;
  try {
    instance = await instantiate(code);
    bindings.__wbg_set_wasm(instance.exports);
    instance.exports.__wbindgen_start();
  } catch (error) {
    bindings.__wbg_set_wasm(beforeInit);
    throw error instanceof VaultError ? error : failure('INTERNAL', 'the WebAssembly module could not be started', error);
  }
  disposeByClosing();
}

async function opened(place, open) {
  try {
    return await open(place);
  } catch (error) {
    throw failure('NETWORK', `the WebAssembly module could not be loaded from ${place.url ?? place}`, error);
  }
}

async function instantiate(code) {
  switch (kindOf(code)) {
    case 'WebAssembly.Module':
      return WebAssembly.instantiate(code, imports);
    case 'Response':
      return instantiateResponse(code);
    default:
      return (await WebAssembly.instantiate(bytesOf(code), imports)).instance;
  }
}

async function instantiateResponse(response) {
  if (!response.ok) {
    const message = `the WebAssembly module could not be loaded from ${response.url}: the server answered ${response.status}`;
    throw new VaultError('BAD_RESPONSE', message, response.status);
  }
  // Compiling while loading is refused for other types, which some servers send; then it has to be loaded first.
  const streams = response.headers.get('content-type')?.split(';')[0].trim() === 'application/wasm';
  const compiled = streams
    ? WebAssembly.instantiateStreaming(response, imports)
    : WebAssembly.instantiate(await response.arrayBuffer(), imports);
  return (await compiled).instance;
}

function bytesOf(code) {
  if (kindOf(code) === 'ArrayBuffer' || kindOf(code) === 'SharedArrayBuffer' || ArrayBuffer.isView(code)) return code;
  throw new VaultError('INVALID_ARGUMENT', 'init() takes a URL, a Request, a Response, the bytes or a WebAssembly.Module');
}

/** Whether this names where the module is, rather than being it. */
function isPlace(source) {
  return typeof source === 'string' || kindOf(source) === 'URL' || kindOf(source) === 'Request';
}

/** What kind of object this is, also where it comes from another frame and `instanceof` would say no. */
function kindOf(value) {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

function failure(code, what, cause) {
  const error = new VaultError(code, `${what}: ${cause?.message ?? cause}`);
  Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true });
  return error;
}

/** `using session = …` wipes the keys at the end of the block; the bindings by themselves would only free memory. */
function disposeByClosing() {
  if (Symbol.dispose === undefined) return;
  Object.defineProperty(bindings.Session.prototype, Symbol.dispose, {
    configurable: true,
    writable: true,
    value() {
      this.close();
    },
  });
}
