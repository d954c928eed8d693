// The entry with the compiled modules within, for tools that lose the files beside it. Each is decoded at its first use; the
// files with them are generated (`crates/xtask/src/package/assemble.rs`). It starts no worker, which would be a file again.

import { LoadError, open } from './instantiate.js';
import { startOnce } from './start.js';

export {
  Attachment,
  decryptWithPassphrase,
  KeyPair,
  PublicKey,
  qrCode,
  Session,
  SymmetricKey,
  VaultClient,
} from './classes.js';
export { isVaultError, VaultError } from './errors.js';

const files = {
  main: () => import('./vaultshare_inline.js').then(bytes, notLoaded),
  onDemand: () => import('./on_demand_inline.js').then(bytes, notLoaded),
};

export default function init(source) {
  return startOnce(source, files, open);
}

function bytes({ base64 }) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Where a bundler has split them off, and the part does not arrive. */
function notLoaded(cause) {
  throw new LoadError('network', 'the part of this bundle that has the WebAssembly module could not be loaded', {
    cause,
  });
}
