// The browser's own base64, where it has one: for texts that would be slow to carry into the module and out again.

import { yieldToPage } from '../../yield_to_page.js';

const form = { alphabet: 'base64url' };

/** How many characters are read without yielding: some milliseconds' worth. A multiple of four. */
const PIECE = 2 ** 21;

/** Whether there is one. */
export function hasBase64() {
  return typeof Uint8Array.prototype.toBase64 === 'function' && typeof Uint8Array.prototype.setFromBase64 === 'function';
}

/** Bytes as base64 with the URL-safe alphabet and padding. */
export async function toBase64url(bytes) {
  await yieldToPage();
  return bytes.toBase64(form);
}

/**
 * The bytes of such a text in an array that has room for `more` behind them; undefined where there is any other spelling
 * of them, such as one with blanks, which the browser would skip.
 */
export async function fromBase64url(text, more) {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const length = (text.length / 4) * 3 - padding;
  if (!Number.isInteger(length) || length < 0) return undefined;
  const bytes = new Uint8Array(length + more);
  let place = 0;
  for (let start = 0; start < text.length; start += PIECE) {
    await yieldToPage();
    const piece = text.slice(start, start + PIECE);
    const isLast = start + PIECE >= text.length;
    const expected = (piece.length / 4) * 3 - (isLast ? padding : 0);
    try {
      const { read, written } = bytes.subarray(place).setFromBase64(piece, { ...form, lastChunkHandling: 'strict' });
      if (read !== piece.length || written !== expected) return undefined;
    } catch {
      return undefined;
    }
    place += expected;
  }
  // Whoever hands the bytes to the browser's cipher waits while it copies them.
  await yieldToPage();
  return bytes;
}

/** The parts of a text that dots separate. */
export function parts(text) {
  return text.split('.', 5);
}
