// Writes tests/fixtures/verification-vectors.json: what @meeco/cryppo 2.0.2 gives as the hash of a shared value. Our npm
// package does not export that function, so the compiled crate is held against this file (tests/verification_vectors.rs)
// and the file against the library (verification.test.mjs).
//
//     node tests/interop/make-vectors.mjs

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

import { hmacSha256Digest } from 'cryppo-new';

export const place = new URL('../fixtures/verification-vectors.json', import.meta.url);

/** Every alphabet whose characters take another way through the rule. */
const ALPHABETS = {
  ASCII: [...'Aa0 ~\n\u0000'],
  'Latin-1': [...'äÿ\u0080é'],
  'beyond one byte': [...'€鍵Ω\uffff'],
  astral: [...'🔑𝄞😀'],
  mixed: [...'a€ÿ🔑b鍵é'],
};

/** The rule works on groups of four units: two groups and one more, and then some that cross the hash's own blocks. */
const LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 55, 56, 63, 64, 65, 200];

const KEYS = [Buffer.alloc(64, 0xff), createHash('sha512').update('a key of a vector').digest()];

export function make() {
  const vectors = [];
  for (const [alphabet, characters] of Object.entries(ALPHABETS)) {
    for (const length of LENGTHS) {
      const value = Array.from({ length }, (_, index) => characters[(index + length) % characters.length]).join('');
      const key = KEYS[vectors.length % KEYS.length];
      const hash = hmacSha256Digest(key.toString('latin1'), value);
      vectors.push({ alphabet, key: key.toString('hex'), value, hash });
    }
  }
  return vectors;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(
    place,
    `[\n${make()
      .map((vector) => `  ${JSON.stringify(vector)}`)
      .join(',\n')}\n]\n`,
  );
}
