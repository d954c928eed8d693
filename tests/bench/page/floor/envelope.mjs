/**
 * `Aes256Gcm.<data>.<artefacts>` by one call of `crypto.subtle` each. All clients of today write IV, tag and additional data
 * in this order, of which the last alone differs in length, so here they are a form to fill in.
 */
import { base64url, fromBase64url, fromUtf8, joined, random, utf8 } from './text.mjs';

const IV = { at: 14, length: 12 };
const TAG = { at: 35, length: 16 };
/** Of the additional data, behind its type, name and length. */
const TEXT_START = 59;

/** What a BSON document of the three takes beside the text of the additional data. */
const OVERHEAD = 60;

const BEFORE_IV = joined([5], utf8('iv\0'), [IV.length, 0, 0, 0, 0]);
const BEFORE_TAG = joined([5], utf8('at\0'), [TAG.length, 0, 0, 0, 0]);
const BEFORE_TEXT = joined([2], utf8('ad\0'));
const VERSION = utf8('A');

export const importKey = (bytes) => crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);

/** @param {string} [place] where it belongs; other clients write `none` */
export async function seal(key, bytes, place = 'none') {
  const iv = random(IV.length);
  const additionalData = utf8(place);
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, key, bytes));
  const tagStart = sealed.length - TAG.length;
  const artefacts = joined(
    VERSION,
    u32(OVERHEAD + additionalData.length),
    BEFORE_IV,
    iv,
    BEFORE_TAG,
    sealed.subarray(tagStart),
    BEFORE_TEXT,
    u32(additionalData.length + 1),
    additionalData,
    [0, 0],
  );
  return `Aes256Gcm.${base64url(sealed.subarray(0, tagStart))}.${base64url(artefacts)}`;
}

/** The bytes, and where they belong. */
export async function openAt(key, envelope) {
  const [strategy, data, text] = envelope.split('.');
  const artefacts = fromBase64url(text);
  if (strategy !== 'Aes256Gcm' || artefacts[TEXT_START - 8] !== BEFORE_TEXT[0])
    throw new Error('the floor does not know this envelope');
  const additionalData = artefacts.subarray(TEXT_START, artefacts.length - 2);
  const iv = artefacts.subarray(IV.at, IV.at + IV.length);
  // The tag goes right behind the data, where WebCrypto wants it, and the data is not copied for that.
  const padding = data.endsWith('==') ? 2 : Number(data.endsWith('='));
  const length = (data.length / 4) * 3 - padding;
  const sealed = new Uint8Array(length + TAG.length);
  sealed.setFromBase64(data, { alphabet: 'base64url' });
  sealed.set(artefacts.subarray(TAG.at, TAG.at + TAG.length), length);
  const bytes = new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData }, key, sealed));
  return { bytes, place: fromUtf8(additionalData) };
}

export async function openTextAt(key, envelope) {
  const { bytes, place } = await openAt(key, envelope);
  return { text: fromUtf8(bytes), place };
}

/** @param {string} expected the place that it has to name, unless another client wrote it, which names none */
export async function open(key, envelope, expected) {
  const { bytes, place } = await openAt(key, envelope);
  if (place !== expected && place !== 'none') throw new Error(`${place} is in the place of ${expected}`);
  return bytes;
}

export const sealText = (key, text, place) => seal(key, utf8(text), place);
export const openText = async (key, envelope, expected) => fromUtf8(await open(key, envelope, expected));

const u32 = (number) => [number & 255, (number >>> 8) & 255, (number >>> 16) & 255, number >>> 24];
