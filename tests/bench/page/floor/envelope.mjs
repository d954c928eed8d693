/**
 * `Aes256Gcm.<data>.<artefacts>` by one call of `crypto.subtle` each. All clients of today write IV, tag and additional data
 * in this order, of which the last alone differs in length, so here they are a form to fill in.
 */
import { base64url, fromBase64url, fromUtf8, joined, random, utf8 } from './text.mjs';

const IV = { at: 14, length: 12 };
const TAG = { at: 35, length: 16 };
/** Of the additional data, behind its type, name and length. */
const TEXT_START = 59;
const ADDITIONAL_DATA = utf8('none');

/** `A`, then a BSON document of `iv` and `at`, which are binary, and `ad`, the string `none`. */
const FORM = joined(
  utf8('A'),
  [64, 0, 0, 0],
  [5],
  utf8('iv\0'),
  [IV.length, 0, 0, 0, 0],
  new Uint8Array(IV.length),
  [5],
  utf8('at\0'),
  [TAG.length, 0, 0, 0, 0],
  new Uint8Array(TAG.length),
  [2],
  utf8('ad\0'),
  [5, 0, 0, 0],
  utf8('none\0'),
  [0],
);

export const importKey = (bytes) => crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);

export async function seal(key, bytes) {
  const artefacts = FORM.slice();
  const iv = random(IV.length);
  artefacts.set(iv, IV.at);
  const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm(iv), key, bytes));
  const tagStart = sealed.length - TAG.length;
  artefacts.set(sealed.subarray(tagStart), TAG.at);
  return `Aes256Gcm.${base64url(sealed.subarray(0, tagStart))}.${base64url(artefacts)}`;
}

export async function open(key, envelope) {
  const [strategy, data, text] = envelope.split('.');
  const artefacts = fromBase64url(text);
  if (strategy !== 'Aes256Gcm' || artefacts[TEXT_START - 8] !== FORM[TEXT_START - 8])
    throw new Error('the floor does not know this envelope');
  const additionalData = artefacts.subarray(TEXT_START, artefacts.length - 2);
  const iv = artefacts.subarray(IV.at, IV.at + IV.length);
  // The tag goes right behind the data, where WebCrypto wants it, and the data is not copied for that.
  const padding = data.endsWith('==') ? 2 : Number(data.endsWith('='));
  const length = (data.length / 4) * 3 - padding;
  const sealed = new Uint8Array(length + TAG.length);
  sealed.setFromBase64(data, { alphabet: 'base64url' });
  sealed.set(artefacts.subarray(TAG.at, TAG.at + TAG.length), length);
  return new Uint8Array(await crypto.subtle.decrypt(algorithm(iv, additionalData), key, sealed));
}

export const sealText = (key, text) => seal(key, utf8(text));
export const openText = async (key, envelope) => fromUtf8(await open(key, envelope));

const algorithm = (iv, additionalData = ADDITIONAL_DATA) => ({ name: 'AES-GCM', iv, additionalData });
