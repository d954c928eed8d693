// The entry for browsers, workers and bundlers.

import { files } from './files.js';
import { startOnce } from './start.js';

export { decryptWithPassphrase, KeyPair, PublicKey, qrCode, Session, SymmetricKey, VaultClient } from './classes.js';
export { isVaultError, VaultError } from './errors.js';

export default function init(source) {
  return startOnce(source, files, open);
}

/** In a page that a test has under Node.js, files lie on the disk. */
function open(place) {
  const disk = /^file:/i.test(String(place)) && globalThis.process?.getBuiltinModule?.('node:fs/promises');
  return disk ? disk.readFile(new URL(place)) : fetch(place);
}
