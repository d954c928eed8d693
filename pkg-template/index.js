// The entry for browsers, workers and bundlers.

import { startOnce } from './start.js';

export { decryptWithPassphrase, KeyPair, PublicKey, qrCode, Session, SymmetricKey, VaultClient } from './classes.js';
export { isVaultError, VaultError } from './errors.js';

export default function init(source) {
  // In this form, and in this place, bundlers see that the file has to come along.
  return startOnce(source ?? new URL('./vaultshare_bg.wasm', import.meta.url), (place) => fetch(place));
}
