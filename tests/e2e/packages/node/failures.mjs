// Loads that fail, each told by its code, and the one after them that succeeds.
import init, { isVaultError, SymmetricKey } from 'vaultshare';

const [, , base] = process.argv;
const failures = {};
const attempt = async (name, source) => {
  const error = await init(source).catch((reason) => reason);
  failures[name] = isVaultError(error) ? [error.code, error.status ?? null] : `${error}`;
};
await attempt('not there', new URL('nowhere.wasm', base));
await attempt('no server', 'http://127.0.0.1:1/');
await attempt('not a module', new Uint8Array([1, 2, 3, 4]));
await attempt('no source at all', 42);

const guarded = (() => {
  try {
    SymmetricKey.generate();
  } catch (error) {
    return error.message;
  }
})();
await init();
console.log(JSON.stringify({ failures, guarded, thenWorks: SymmetricKey.generate().export().length }));
