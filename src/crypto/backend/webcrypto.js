// SubtleCrypto of the page, the worker or Node.js: asked from here because in compiled code each question weighs more.
//
// What comes in may lie in the module's memory, where it is only until the first await: whatever is used later is copied,
// and overwritten if it is a secret. WebCrypto itself reads its inputs before a call returns.

const OAEP = { name: 'RSA-OAEP', hash: 'SHA-1' };
const SIGNATURE = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

const subtle = () => globalThis.crypto?.subtle;

/** Whether there is one: a page on plain http has none. */
export function isPresent() {
  return typeof subtle() === 'object';
}

/** 32 bytes of PBKDF2 with HMAC-SHA-256. */
export async function deriveBits(passphrase, salt, iterations) {
  const copied = salt.slice();
  const key = await subtle().importKey('raw', passphrase, 'PBKDF2', false, ['deriveBits']);
  return bytes(subtle().deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: copied, iterations }, key, 256));
}

/** An AES key, not to be read out again. */
export async function importAesKey(key) {
  return subtle().importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

/** Ciphertext and tag. */
export async function encryptAes(key, iv, additionalData, plaintext) {
  // WebCrypto takes no memory that threads share.
  const unshared = plaintext.buffer instanceof ArrayBuffer ? plaintext : plaintext.slice();
  return bytes(subtle().encrypt({ name: 'AES-GCM', iv, additionalData }, key, unshared));
}

export async function decryptAes(key, iv, additionalData, sealed) {
  return bytes(subtle().decrypt({ name: 'AES-GCM', iv, additionalData }, key, sealed));
}

/** A new RSA private key with exponent 65537, in PKCS#8. It can be read out for the moment of its birth: it has to be wrapped. */
export async function generateRsaKey(modulusLength) {
  const algorithm = { ...OAEP, modulusLength, publicExponent: new Uint8Array([1, 0, 1]) };
  const { privateKey } = await subtle().generateKey(algorithm, true, ['encrypt', 'decrypt']);
  return bytes(subtle().exportKey('pkcs8', privateKey));
}

/** What a private key in PKCS#8 decrypts and signs with: WebCrypto ties a key to one use. Neither can be read out again. */
export async function importPrivateKey(pkcs8) {
  return Promise.all([
    subtle().importKey('pkcs8', pkcs8, OAEP, false, ['decrypt']),
    subtle().importKey('pkcs8', pkcs8, SIGNATURE, false, ['sign']),
  ]);
}

export async function encryptRsa(spki, plaintext) {
  const copied = plaintext.slice();
  try {
    const key = await subtle().importKey('spki', spki, OAEP, false, ['encrypt']);
    return await bytes(subtle().encrypt(OAEP, key, copied));
  } finally {
    copied.fill(0);
  }
}

export async function decryptRsa(key, ciphertext) {
  return bytes(subtle().decrypt(OAEP, key, ciphertext));
}

export async function sign(key, data) {
  return bytes(subtle().sign(SIGNATURE, key, data));
}

export async function verify(spki, signature, data) {
  const [copiedSignature, copiedData] = [signature.slice(), data.slice()];
  const key = await subtle().importKey('spki', spki, SIGNATURE, false, ['verify']);
  return subtle().verify(SIGNATURE, key, copiedSignature, copiedData);
}

async function bytes(buffer) {
  return new Uint8Array(await buffer);
}
