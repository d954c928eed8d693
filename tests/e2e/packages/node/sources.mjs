// Starts the package from one kind of source: what it can be given, by name.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import init, { SymmetricKey } from 'vaultshare';

const [, , kind, base] = process.argv;
const file = new URL(import.meta.resolve('vaultshare/vaultshare_bg.wasm'));
const bytes = () => readFile(fileURLToPath(file));
const sources = {
  nothing: () => undefined,
  'file URL': () => file,
  'file URL as text': () => file.href,
  'http URL': () => new URL('vaultshare_bg.wasm', base),
  'http URL as text': () => new URL('vaultshare_bg.wasm', base).href,
  Request: () => new Request(new URL('vaultshare_bg.wasm', base)),
  Response: () => fetch(new URL('vaultshare_bg.wasm', base)),
  Uint8Array: async () => new Uint8Array(await bytes()),
  ArrayBuffer: async () => new Uint8Array(await bytes()).buffer,
  Module: async () => WebAssembly.compile(await bytes()),
};
await init(await sources[kind]());
console.log(SymmetricKey.generate().export().length);
