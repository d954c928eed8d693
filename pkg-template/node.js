// The entry for Node.js, whose `fetch` does not open files.

import { files } from './files.js';
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

export default function init(source) {
  return startOnce(source, files, open);
}

async function open(place) {
  if (!/^file:/i.test(String(place))) return fetch(place);
  const { readFile } = await import('node:fs/promises');
  return readFile(new URL(place));
}
