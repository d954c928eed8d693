/** Bytes as text and back, by what the platform has. */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const utf8 = (text) => encoder.encode(text);
export const fromUtf8 = (bytes) => decoder.decode(bytes);
export const base64url = (bytes) => bytes.toBase64({ alphabet: 'base64url' });
export const unpadded = (bytes) => bytes.toBase64({ alphabet: 'base64url', omitPadding: true });
export const fromBase64url = (text) => Uint8Array.fromBase64(text, { alphabet: 'base64url' });
export const hex = (bytes) => bytes.toHex();
export const fromHex = (text) => Uint8Array.fromHex(text);
export const random = (length) => crypto.getRandomValues(new Uint8Array(length));

export function joined(...parts) {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
