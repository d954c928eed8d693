/**
 * Derives a user's keys the way an attacker with the secret and the passphrase would: from those two and from what
 * went over the wire. These are the byte strings that the tests then look for where they must not be.
 */
import { createPrivateKey, pbkdf2Sync } from 'node:crypto';
import { openAsymmetric, openSymmetric } from './envelope.mjs';

const iterations = 100_000;

/** @param {string} secret `1.<username>.<groups>`; the groups without hyphens are the salt */
export function deriveFromPassphrase(secret, passphrase) {
  const salt = secret.split('.')[2].replaceAll('-', '');
  const derive = (text) => pbkdf2Sync(passphrase, text, iterations, 32, 'sha256');
  return { passphraseKey: derive(salt), loginPassword: derive([...salt].reverse().join('')) };
}

/**
 * Follows the chain passphrase key → key-encryption key → data keys and private keys through the recorded exchanges.
 * What does not open belongs to another user and is left out.
 */
export function deriveKeys(secret, passphrase, exchanges) {
  const { passphraseKey, loginPassword } = deriveFromPassphrase(secret, passphrase);
  const find = (field) => findFields(exchanges, field);
  const [keyEncryptionKey] = find('serialized_key_encryption_key').flatMap((envelope) =>
    tryToOpen(envelope, passphraseKey),
  );
  if (!keyEncryptionKey) throw new Error('no key-encryption key of this user was seen on the wire');
  const privateKeys = find('encrypted_serialized_key')
    .flatMap((envelope) => tryToOpen(envelope, keyEncryptionKey))
    .map((pem) => createPrivateKey(pem.toString('utf8')));
  const dataKeys = find('serialized_data_encryption_key').flatMap((envelope) => tryToOpen(envelope, keyEncryptionKey));
  const shareKeys = find('encrypted_dek').flatMap((envelope) =>
    privateKeys.flatMap((key) => tryToUnseal(envelope, key)),
  );
  return { passphraseKey, loginPassword, keyEncryptionKey, privateKeys, dataKeys, shareKeys };
}

/** Every value of a JSON field, anywhere in any request or response, once each. */
export function findFields(exchanges, wanted) {
  const found = new Set();
  const visit = (value) => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      if (name === wanted && typeof inner === 'string') found.add(inner);
      visit(inner);
    }
  };
  for (const { requestBody, responseBody } of exchanges) {
    for (const body of [requestBody, responseBody]) visit(parse(body));
  }
  return [...found];
}

function parse(body) {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return null; // Scripts, the module, empty answers.
  }
}

function tryToOpen(envelope, key) {
  try {
    return [openSymmetric(envelope, key)];
  } catch {
    return [];
  }
}

function tryToUnseal(envelope, key) {
  try {
    return [openAsymmetric(envelope, key)];
  } catch {
    return [];
  }
}
