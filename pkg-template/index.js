// The entry for browsers, workers and bundlers.

import { files } from './files.js';
import { open } from './instantiate.js';
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
