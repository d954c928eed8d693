/** RSA-4096 keys as PEM, `Rsa4096.<data>.QQUAAAAA` by OAEP with SHA-1, and signatures by PKCS #1 v1.5 with SHA-256. */
import { fingerprint } from './places.mjs';
import { base64url, fromBase64url, fromUtf8, joined } from './text.mjs';

const OAEP = { name: 'RSA-OAEP', hash: 'SHA-1' };
const SIGNATURE = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

/** Before PKCS#1 this makes PKCS#8, once the two lengths are filled in: of all after them, and of the key alone. */
const PKCS8 = [
  0x30, 0x82, 0, 0, 2, 1, 0, 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0, 4, 0x82, 0, 0,
];

/** A pair with its public key as PEM and the private one as PKCS#1 PEM, which is what the Keystore keeps, encrypted. */
export async function generatePair() {
  const algorithm = { ...OAEP, modulusLength: 4096, publicExponent: new Uint8Array([1, 0, 1]) };
  const { publicKey, privateKey } = await crypto.subtle.generateKey(algorithm, true, ['encrypt', 'decrypt']);
  const [spki, pkcs8] = await Promise.all([
    crypto.subtle.exportKey('spki', publicKey),
    crypto.subtle.exportKey('pkcs8', privateKey),
  ]);
  return {
    privateKey,
    fingerprint: await fingerprint(spki),
    publicPem: pem('PUBLIC KEY', new Uint8Array(spki)),
    privatePem: pem('RSA PRIVATE KEY', new Uint8Array(pkcs8).subarray(PKCS8.length)),
  };
}

export const fingerprintOf = (text) => fingerprint(der(text));
export const importPublic = (text) => crypto.subtle.importKey('spki', der(text), OAEP, false, ['encrypt']);
export const importVerifier = (text) => crypto.subtle.importKey('spki', der(text), SIGNATURE, false, ['verify']);
export const importPrivate = (text) => importPkcs1(text, OAEP, 'decrypt');
export const importSigner = (text) => importPkcs1(text, SIGNATURE, 'sign');

function importPkcs1(text, algorithm, usage) {
  const pkcs1 = der(text);
  const header = new Uint8Array(PKCS8);
  const lengths = new DataView(header.buffer);
  lengths.setUint16(2, PKCS8.length - 4 + pkcs1.length);
  lengths.setUint16(PKCS8.length - 2, pkcs1.length);
  return crypto.subtle.importKey('pkcs8', joined(header, pkcs1), algorithm, false, [usage]);
}

export async function sign(signer, bytes) {
  return base64url(new Uint8Array(await crypto.subtle.sign(SIGNATURE, signer, bytes)));
}

export async function checkSignature(verifier, signature, bytes) {
  if (!(await crypto.subtle.verify(SIGNATURE, verifier, fromBase64url(signature), bytes)))
    throw new Error('signed for something else');
}

export async function sealKey(publicKey, bytes) {
  return `Rsa4096.${base64url(new Uint8Array(await crypto.subtle.encrypt(OAEP, publicKey, bytes)))}.QQUAAAAA`;
}

export async function openKey(privateKey, envelope) {
  return new Uint8Array(await crypto.subtle.decrypt(OAEP, privateKey, fromBase64url(envelope.split('.')[1])));
}

export const openToken = async (privateKey, envelope) => fromUtf8(await openKey(privateKey, envelope));

function pem(what, bytes) {
  const lines = bytes.toBase64().match(/.{1,64}/g);
  return [`-----BEGIN ${what}-----`, ...lines, `-----END ${what}-----`, ''].join('\r\n');
}

/** `fromBase64` passes over line ends. */
const der = (text) => Uint8Array.fromBase64(text.replace(/-----[^-]+-----/g, ''));
