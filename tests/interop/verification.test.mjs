// The hash by which a recipient knows a value for the owner's. See make-vectors.mjs.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import * as older from 'cryppo-old';

import { make, place } from './make-vectors.mjs';

const vectors = JSON.parse(readFileSync(place, 'utf8'));

test('the committed vectors are what @meeco/cryppo 2.0.2 gives', () => {
  assert.ok(vectors.length > 50);
  assert.deepEqual(vectors, make());
});

test('@meeco/cryppo 0.9.0 gives the same for every one', () => {
  for (const { key, value, hash } of vectors) {
    assert.equal(
      older.hmacSha256Digest(Buffer.from(key, 'hex').toString('latin1'), value),
      hash,
      JSON.stringify(value),
    );
  }
});

test('for ASCII it is plain HMAC-SHA256, and beyond Latin-1 it is not', () => {
  for (const { alphabet, key, value, hash } of vectors) {
    const plain = (encoding) => createHmac('sha256', Buffer.from(key, 'hex')).update(value, encoding).digest('hex');
    if (alphabet === 'ASCII') assert.equal(hash, plain('utf8'));
    if (alphabet === 'Latin-1') assert.equal(hash, plain('latin1'));
    if (alphabet === 'astral') assert.notEqual(hash, plain('utf8'));
  }
});
