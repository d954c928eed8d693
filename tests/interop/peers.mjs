// The peer's library in two versions behind one face. Texts are strings, everything else that is not an envelope or a PEM
// is bytes; keys are base64url, as both sides export them.
//
// 0.9.0 is what the SDK of 2020 uses; it holds bytes in strings of U+0000 to U+00FF. 2.0.2 is the last version.

import * as newer from 'cryppo-new';
import * as older from 'cryppo-old';
import * as oldest from 'cryppo-oldest';

const strategy = 'AES-GCM';

/** The form of parameters: BSON, or the YAML of before. */
export const CURRENT = 'latest_version';
export const LEGACY = 'legacy';

/** Bytes as both sides write keys: URL-safe, and with padding, without which the peer's library misreads them. */
export function base64url(bytes) {
  return Buffer.from(bytes).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

const toBinaryString = (bytes) => Buffer.from(bytes).toString('latin1');
const fromBinaryString = (text) => new Uint8Array(Buffer.from(text, 'latin1'));
const binaryKey = (key) => Buffer.from(key, 'base64url').toString('latin1');

export const old = {
  name: '@meeco/cryppo 0.9.0',

  async encryptText(key, data, form = CURRENT) {
    return (await older.encryptStringWithKey({ key: binaryKey(key), data, strategy }, form)).serialized;
  },
  decryptText: (key, serialized) => older.decryptStringWithKey({ key: binaryKey(key), serialized }),
  async encryptBytes(key, bytes, form = CURRENT) {
    const data = toBinaryString(bytes);
    return (await older.encryptBinaryWithKey({ key: binaryKey(key), data, strategy }, form)).serialized;
  },
  async decryptBytes(key, serialized) {
    const data = await older.decryptBinaryWithKey({ key: binaryKey(key), serialized });
    return data === null ? null : fromBinaryString(data);
  },

  /** A block of a file, of which IV, tag and additional data are kept apart. */
  encryptBlock(key, bytes) {
    const { encrypted, artifacts } = older.encryptWithKeyUsingArtefacts(
      binaryKey(key),
      toBinaryString(bytes),
      strategy,
    );
    return { encrypted: fromBinaryString(encrypted), ...artifacts };
  },
  decryptBlock(key, bytes, { iv, at, ad }) {
    const beside = { iv: toBinaryString(iv), at: toBinaryString(at), ad };
    return fromBinaryString(
      older.decryptWithKeyUsingArtefacts(binaryKey(key), toBinaryString(bytes), strategy, beside),
    );
  },

  /** What the SDK of 2020 calls for the values of slots: it takes the low byte of every UTF-16 unit. */
  async encryptTextAsSdk(key, data, form = CURRENT) {
    return (await older.encryptWithKey({ key: binaryKey(key), data, strategy }, form)).serialized;
  },
  decryptTextAsSdk: (key, serialized) => older.decryptWithKey({ key: binaryKey(key), serialized }),

  async deriveKey(passphrase, salt, iterations) {
    const options = { salt: toBinaryString(salt), iterations, length: 32, strategy: 'Pbkdf2Hmac' };
    return fromBinaryString(await new older.DerivedKeyOptions(options).deriveKey(passphrase));
  },
  async encryptWithPassphrase(passphrase, bytes, form = CURRENT) {
    const options = { key: passphrase, data: toBinaryString(bytes), strategy };
    return (await older.encryptBinaryWithKeyDerivedFromString(options, form)).serialized;
  },

  generateKeyPair: () => older.generateRSAKeyPair(4096),
  async rsaEncrypt(publicKeyPem, bytes, form = CURRENT) {
    return (await older.encryptWithPublicKey({ publicKeyPem, data: toBinaryString(bytes) }, form)).serialized;
  },
  async rsaDecrypt(privateKeyPem, serialized) {
    return fromBinaryString(await older.decryptSerializedWithPrivateKey({ privateKeyPem, serialized }));
  },
  sign: (privateKeyPem, text) => older.signStringWithPrivateKey(privateKeyPem, text).serialized,
  /** The signed text, or null. */
  verify(publicKeyPem, serialized) {
    const signature = older.loadStringRsaSignature(serialized);
    return older.verifyStringWithPublicKey(publicKeyPem, signature) ? signature.data : null;
  },
};

/** The part of it that the first sharing protocol needs. It writes YAML, and knows nothing else. */
export const first = {
  name: '@meeco/cryppo 0.3.4',

  async encryptText(key, data) {
    return (await oldest.encryptWithKey({ key: binaryKey(key), data, strategy: oldest.CipherStrategy.AES_GCM }))
      .serialized;
  },
  decryptText: (key, serialized) => oldest.decryptWithKey({ key: binaryKey(key), serialized }),
  encryptBytes: (key, bytes) => first.encryptText(key, toBinaryString(bytes)),
  async decryptBytes(key, serialized) {
    return fromBinaryString(await first.decryptText(key, serialized));
  },
  async rsaEncrypt(publicKeyPem, bytes) {
    return (await oldest.encryptWithPublicKey({ publicKeyPem, data: toBinaryString(bytes) })).serialized;
  },
  async rsaDecrypt(privateKeyPem, serialized) {
    return fromBinaryString(await oldest.decryptSerializedWithPrivateKey({ privateKeyPem, serialized }));
  },
  sign: (privateKeyPem, text) => oldest.signWithPrivateKey(privateKeyPem, text).serialized,
};

export const recent = {
  name: '@meeco/cryppo 2.0.2',

  async encryptText(key, text, form = CURRENT) {
    return recent.encryptBytes(key, newer.utf8ToBytes(text), form);
  },
  async decryptText(key, serialized) {
    const bytes = await recent.decryptBytes(key, serialized);
    return bytes === null ? null : newer.bytesToUtf8(bytes);
  },
  async encryptBytes(key, data, form = CURRENT) {
    return (await newer.encryptWithKey({ key: newer.EncryptionKey.fromSerialized(key), data, strategy }, form))
      .serialized;
  },
  decryptBytes(key, serialized) {
    return newer.decryptWithKey({ key: newer.EncryptionKey.fromSerialized(key), serialized });
  },
  encryptBlock(key, data) {
    const named = { key: newer.EncryptionKey.fromSerialized(key), data, strategy };
    const { encrypted, artifacts } = newer.encryptWithKeyUsingArtefacts(named);
    return { encrypted: fromBinaryString(encrypted), ...artifacts };
  },
  decryptBlock(key, bytes, { iv, at, ad }) {
    const beside = { iv: toBinaryString(iv), at: toBinaryString(at), ad };
    const secret = newer.EncryptionKey.fromSerialized(key);
    return newer.decryptWithKeyUsingArtefacts(secret, toBinaryString(bytes), strategy, beside);
  },

  /** What a recipient knows a value for the owner's by. */
  digestOf: (key, value) => newer.hmacSha256Digest(toBinaryString(key), value),

  async deriveKey(passphrase, salt, iterations) {
    const options = { salt: toBinaryString(salt), iterations, length: 32, strategy: 'Pbkdf2Hmac' };
    return (await new newer.DerivedKeyOptions(options).deriveKey(passphrase)).bytes;
  },
  async encryptWithPassphrase(passphrase, data, form = CURRENT) {
    const options = { passphrase, data, strategy, serializationVersion: form };
    return (await newer.encryptWithKeyDerivedFromString(options)).serialized;
  },

  generateKeyPair: () => newer.generateRSAKeyPair(4096),
  async rsaEncrypt(publicKeyPem, bytes, form = CURRENT) {
    return (await newer.encryptWithPublicKey({ publicKeyPem, data: toBinaryString(bytes) }, form)).serialized;
  },
  async rsaDecrypt(privateKeyPem, serialized) {
    return fromBinaryString(await newer.decryptSerializedWithPrivateKey({ privateKeyPem, serialized }));
  },
  sign: (privateKeyPem, text) => newer.signWithPrivateKey(privateKeyPem, newer.utf8ToBytes(text)).serialized,
  verify(publicKeyPem, serialized) {
    const signature = newer.loadRsaSignature(serialized);
    return newer.verifyWithPublicKey(publicKeyPem, signature) ? newer.bytesToUtf8(signature.data) : null;
  },
};

export const peers = [old, recent];
