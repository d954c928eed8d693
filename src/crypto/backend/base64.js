// The browser's own base64, where it has one: for texts that would be slow to carry into the module and out again.

const form = { alphabet: 'base64url' };

/** Whether there is one. */
export function hasBase64() {
  return typeof Uint8Array.prototype.toBase64 === 'function' && typeof Uint8Array.prototype.setFromBase64 === 'function';
}

/** Bytes as base64 with the URL-safe alphabet and padding. */
export function toBase64url(bytes) {
  return bytes.toBase64(form);
}

/**
 * The bytes of such a text in an array that has room for `more` behind them; undefined where there is any other spelling
 * of them, such as one with blanks, which the browser would skip.
 */
export function fromBase64url(text, more) {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const length = (text.length / 4) * 3 - padding;
  if (!Number.isInteger(length) || length < 0) return undefined;
  const bytes = new Uint8Array(length + more);
  try {
    const { read, written } = bytes.setFromBase64(text, { ...form, lastChunkHandling: 'strict' });
    return read === text.length && written === length ? bytes : undefined;
  } catch {
    return undefined;
  }
}

/** The parts of a text that dots separate. */
export function parts(text) {
  return text.split('.', 5);
}
