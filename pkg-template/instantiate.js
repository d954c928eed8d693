// Loads and instantiates a WebAssembly module, from whatever it is given.

/** Opens a file of the package: in a page that a test has under Node.js, it lies on the disk. */
export function open(place) {
  const disk = /^file:/i.test(String(place)) && globalThis.process?.getBuiltinModule?.('node:fs/promises');
  return disk ? disk.readFile(new URL(place)) : fetch(place);
}

/** Why a module could not be loaded or started. */
export class LoadError extends Error {
  /**
   * @param {'source' | 'network' | 'status' | 'start'} kind nothing that a module can be read from; no answer; an answer
   *   other than 2xx; code that does not compile or start
   * @param {string} message
   * @param {{ cause?: unknown, status?: number }} [details]
   */
  constructor(kind, message, { cause, status } = {}) {
    super(cause === undefined ? message : `${message}: ${cause?.message ?? cause}`, { cause });
    this.kind = kind;
    this.status = status;
  }
}

/**
 * @param {unknown} source the module, or where it is
 * @param {(place: string | URL | Request) => Promise<Response | BufferSource>} open
 * @param {WebAssembly.Imports} imports
 * @returns {Promise<WebAssembly.Instance>}
 * @throws {LoadError}
 */
export async function instantiate(source, open, imports) {
  const code = isPlace(source) ? await opened(source, open) : source;
  try {
    return await instantiateCode(code, imports);
  } catch (error) {
    throw notStarted(error);
  }
}

/** The error of a module that was loaded and does not start. */
export function notStarted(error) {
  if (error instanceof LoadError) return error;
  return new LoadError('start', 'the WebAssembly module could not be started', { cause: error });
}

async function opened(place, open) {
  try {
    return await open(place);
  } catch (cause) {
    throw new LoadError('network', `the WebAssembly module could not be loaded from ${place.url ?? place}`, { cause });
  }
}

async function instantiateCode(code, imports) {
  switch (kindOf(code)) {
    case 'WebAssembly.Module':
      return WebAssembly.instantiate(code, imports);
    case 'Response':
      return instantiateResponse(code, imports);
    default:
      return (await WebAssembly.instantiate(bytesOf(code), imports)).instance;
  }
}

async function instantiateResponse(response, imports) {
  const { ok, status, url } = response;
  if (!ok) {
    const message = `the WebAssembly module could not be loaded from ${url}: the server answered ${status}`;
    throw new LoadError('status', message, { status });
  }
  // Compiling while loading is refused for other types, which some servers send; then it has to be loaded first.
  const type = response.headers.get('content-type')?.split(';')[0].trim();
  if (type === 'application/wasm') return (await WebAssembly.instantiateStreaming(response, imports)).instance;
  const bytes = await response.arrayBuffer().catch((cause) => {
    throw new LoadError('network', `the WebAssembly module did not arrive whole from ${url}`, { cause });
  });
  if (!isModule(bytes)) {
    const message = `what is at ${url} is no WebAssembly module (${type ?? 'without a type'}): a page in its place, or another file`;
    throw new LoadError('status', message, { status });
  }
  return (await WebAssembly.instantiate(bytes, imports)).instance;
}

/** By the first four bytes: a zero and `asm`. */
function isModule(bytes) {
  const [zero, ...name] = new Uint8Array(bytes.slice(0, 4));
  return zero === 0 && String.fromCharCode(...name) === 'asm';
}

function bytesOf(code) {
  if (kindOf(code) === 'ArrayBuffer' || kindOf(code) === 'SharedArrayBuffer' || ArrayBuffer.isView(code)) return code;
  throw new LoadError('source', 'init() takes a URL, a Request, a Response, the bytes or a WebAssembly.Module');
}

/** Whether this names where the module is, rather than being it. */
function isPlace(source) {
  return typeof source === 'string' || kindOf(source) === 'URL' || kindOf(source) === 'Request';
}

/** What kind of object this is, also where it comes from another frame and `instanceof` would say no. */
function kindOf(value) {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}
