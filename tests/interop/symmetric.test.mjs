// AES-256-GCM envelopes across the line. The grammar is that of the peer's library; every sentence holds for both versions
// of it unless it names one.

import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { describe, test } from 'node:test';

import * as newer from 'cryppo-new';

import { SymmetricKey, sameBytes, withCode } from './ours.mjs';
import { base64url, LEGACY, old, peers, recent } from './peers.mjs';

const TEXTS = {
  ASCII: 'DeLorean "DMC-12", 1981 \\ ~\t\r\n',
  'Latin-1': 'Müller, Größe 1½, ÿ',
  'beyond Latin-1': '鍵 Ωμέγα — €',
  'astral characters': '🔑👩‍👩‍👧 𝄞',
  'a character of one byte': 'x',
  'control characters and NUL': '\u0000a\u0001\u007f\u0000',
  'a byte order mark': '\ufeffBOM',
};

/** Every length around the cipher's block, and every byte value. */
const LENGTHS = [1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 257, 4096];
const bytesOf = (length) => Uint8Array.from({ length }, (_, index) => (index * 7 + length) & 0xff);

for (const peer of peers) {
  describe(peer.name, () => {
    const ours = SymmetricKey.generate();
    const key = ours.export();

    for (const [kind, text] of Object.entries(TEXTS)) {
      test(`reads what we encrypt of ${kind}`, async () => {
        assert.equal(await peer.decryptText(key, await ours.encryptString(text)), text);
      });

      test(`is read by us when it encrypts ${kind}`, async () => {
        assert.equal(await ours.decryptString(await peer.encryptText(key, text)), text);
      });

      test(`is read by us when it encrypts ${kind} with YAML parameters`, async () => {
        const envelope = await peer.encryptText(key, text, LEGACY);
        assert.match(envelope, /^Aes256Gcm\.[^.]+\.LS0t/);
        assert.equal(await ours.decryptString(envelope), text);
      });
    }

    test('reads, as we do, parameters in YAML as libraries of other languages wrote them', async () => {
      const [strategy, data, parameters] = (await peer.encryptText(key, 'BMW', LEGACY)).split('.');
      const [iv, at] = base64Of(Buffer.from(parameters, 'base64url').toString());
      for (const yaml of [
        `---\n'ad': none\n'at': !!binary |-\n  ${at}\n'iv': !!binary |-\n  ${iv}\n`,
        `---\niv: !binary |-\n  ${iv}\nat: !binary |-\n  ${at}\nad: none\n`,
      ]) {
        const envelope = [strategy, data, base64url(Buffer.from(yaml))].join('.');
        assert.equal(await peer.decryptText(key, envelope), 'BMW');
        assert.equal(await ours.decryptString(envelope), 'BMW');
      }
    });

    test('agrees with us about bytes of every length, both ways and in both forms', async () => {
      for (const bytes of LENGTHS.map(bytesOf)) {
        sameBytes(await peer.decryptBytes(key, await ours.encryptBytes(bytes)), bytes);
        sameBytes(await ours.decryptBytes(await peer.encryptBytes(key, bytes)), bytes);
        sameBytes(await ours.decryptBytes(await peer.encryptBytes(key, bytes, LEGACY)), bytes);
      }
    });

    test('agrees with us about a megabyte, both ways', async () => {
      const megabyte = bytesOf(1 << 20);
      sameBytes(await peer.decryptBytes(key, await ours.encryptBytes(megabyte)), megabyte);
      sameBytes(await ours.decryptBytes(await peer.encryptBytes(key, megabyte)), megabyte);
    });

    test('writes its parameters in our order and with our sizes', async () => {
      const [theirs, mine] = [await peer.encryptText(key, 'BMW'), await ours.encryptString('BMW')];
      assert.equal(fieldsOf(mine), fieldsOf(theirs));
      assert.equal(fieldsOf(mine), '41 iv/12 at/16 ad=none');
      assert.equal(mine.length, theirs.length);
    });

    test('has no ciphertext for the empty text, as we have none', async () => {
      assert.equal(await peer.encryptText(key, ''), null);
      assert.equal(await ours.encryptString(''), null);
      assert.equal(await ours.decryptString(null), null);
      await assert.rejects(ours.encryptBytes(new Uint8Array()), withCode('INVALID_ARGUMENT'));
    });

    test('reads nothing from the empty ciphertext of very old data, and we read the empty text', async () => {
      const envelope = emptyCiphertextOf2019(key);
      assert.equal(await peer.decryptText(key, envelope), null);
      assert.equal(await ours.decryptString(envelope), '');
    });

    test('refuses what we refuse: a changed text and a wrong key', async () => {
      for (const envelope of [await ours.encryptString('BMW'), await peer.encryptText(key, 'BMW')]) {
        const changed = envelope.replace(/\.(.)/, (_, first) => `.${first === 'A' ? 'B' : 'A'}`);
        await assert.rejects(peer.decryptText(key, changed));
        await assert.rejects(ours.decryptString(changed), withCode('DECRYPTION_FAILED'));
        const wrong = SymmetricKey.generate();
        await assert.rejects(peer.decryptText(wrong.export(), envelope));
        await assert.rejects(wrong.decryptString(envelope), withCode('DECRYPTION_FAILED'));
      }
    });

    test('wraps a key that we unwrap', async () => {
      const inner = SymmetricKey.generate().export();
      const unwrapped = await ours.unwrapKey(await peer.encryptBytes(key, Buffer.from(inner, 'base64url')));
      assert.equal(unwrapped.export(), inner);
    });

    test('unwraps a key that we wrapped', async () => {
      const inner = SymmetricKey.generate();
      const unwrapped = await peer.decryptBytes(key, await ours.wrapKey(inner));
      assert.equal(base64url(unwrapped), inner.export());
    });

    test('reads the published ciphertexts of 2020 and of today, as we do', async () => {
      const published = SymmetricKey.import(base64url(Buffer.alloc(32, 1)));
      for (const envelope of [BMW_IN_YAML, BMW_IN_BSON]) {
        assert.equal(await peer.decryptText(published.export(), envelope), 'BMW');
        assert.equal(await published.decryptString(envelope), 'BMW');
      }
    });
  });
}

describe('the text form of keys', () => {
  test('is the same here and in @meeco/cryppo 2.0.2, with every byte value', () => {
    for (let first = 0; first < 256; first += 32) {
      const bytes = Uint8Array.from({ length: 32 }, (_, index) => first + index);
      const theirs = newer.EncryptionKey.fromBytes(bytes).serialize;
      assert.equal(SymmetricKey.import(theirs).export(), theirs);
      sameBytes(newer.EncryptionKey.fromSerialized(SymmetricKey.import(theirs).export()).bytes, bytes);
    }
  });

  test('of a key that we made is read by @meeco/cryppo 2.0.2 as 32 bytes', () => {
    const text = SymmetricKey.generate().export();
    assert.equal(newer.EncryptionKey.fromSerialized(text).bytes.length, 32);
    assert.equal(newer.EncryptionKey.fromSerialized(text).serialize, text);
  });
});

describe('the SDK of 2020, which takes one byte per UTF-16 unit', () => {
  const ours = SymmetricKey.generate();
  const key = ours.export();

  test('writes ASCII and Latin-1 texts that we read, in both forms', async () => {
    for (const text of ['DeLorean', 'Größe', 'ÿ', '£1']) {
      assert.equal(await ours.decryptString(await old.encryptTextAsSdk(key, text)), text);
      assert.equal(await ours.decryptString(await old.encryptTextAsSdk(key, text, LEGACY)), text);
    }
  });

  test('loses what is beyond Latin-1 before we see it: we read what it would read itself', async () => {
    for (const [text, left] of [
      ['€', '¬'],
      ['鍵', 'u'],
      ['Ā', '\u0000'],
    ]) {
      const envelope = await old.encryptTextAsSdk(key, text);
      assert.equal(await old.decryptTextAsSdk(key, envelope), left);
      assert.equal(await ours.decryptString(envelope), left);
    }
  });

  test('writes Latin-1 that happens to be UTF-8, which nobody can tell apart: we read UTF-8', async () => {
    assert.equal(await ours.decryptString(await old.encryptTextAsSdk(key, 'Ã©')), 'é');
  });

  test('reads our ASCII texts, and the bytes of our UTF-8 one by one', async () => {
    assert.equal(await old.decryptTextAsSdk(key, await ours.encryptString('DeLorean')), 'DeLorean');
    assert.equal(await old.decryptTextAsSdk(key, await ours.encryptString('é')), 'Ã©');
  });

  test('writes Latin-1 that @meeco/cryppo 2.0.2 cannot read as text, while we can', async () => {
    const envelope = await old.encryptTextAsSdk(key, 'Größe');
    await assert.rejects(recent.decryptText(key, envelope), /URI malformed/);
    assert.equal(await ours.decryptString(envelope), 'Größe');
  });
});

describe('a file of several chunks', () => {
  const ours = SymmetricKey.generate();
  const key = ours.export();

  /** As the peers' file format joins them: one strategy, then data and parameters of each. */
  async function chunked(peer, ...parts) {
    const envelopes = await Promise.all(parts.map((part) => peer.encryptText(key, part)));
    return ['Aes256Gcm', ...envelopes.map((envelope) => envelope.slice('Aes256Gcm.'.length))].join('.');
  }

  for (const peer of peers) {
    test(`of ${peer.name} is read by us as one`, async () => {
      assert.equal(await ours.decryptString(await chunked(peer, 'one ', 'two ', 'three')), 'one two three');
    });
  }

  test('is read as one by 0.9.0, while 2.0.2 keeps only the last chunk', async () => {
    const envelope = await chunked(recent, 'one ', 'two ', 'three');
    assert.equal(await old.decryptText(key, envelope), 'one two three');
    assert.equal(await recent.decryptText(key, envelope), 'three');
  });
});

// Key 32 × 0x01, IV 12 × 0x02; the YAML was written by the library of early 2020.
const BMW_IN_YAML =
  'Aes256Gcm.RZue.LS0tCml2OiAhYmluYXJ5IHwtCiAgQWdJQ0FnSUNBZ0lDQWdJQwphdDogIWJpbmFyeSB8LQogIEx2ckEvcWFCSlJMV1VRTWFRcDhRQ0E9PQphZDogbm9uZQo=';
const BMW_IN_BSON =
  'Aes256Gcm.RZue.QUAAAAAFaXYADAAAAAACAgICAgICAgICAgIFYXQAEAAAAAAu-sD-poElEtZRAxpCnxAIAmFkAAUAAABub25lAAA=';

/** Version byte, then name and size (or text) of every BSON field. */
function fieldsOf(envelope) {
  const artefacts = Buffer.from(envelope.split('.')[2], 'base64url');
  const text = artefacts.toString('latin1');
  const binary = [...text.matchAll(/\x05([a-z]+)\0(....)\0/gs)].map(([, name, size]) => [
    text.indexOf(`\x05${name}\0`),
    `${name}/${Buffer.from(size, 'latin1').readInt32LE()}`,
  ]);
  const strings = [...text.matchAll(/\x02([a-z]+)\0....([a-z]+)\0/gs)].map(([, name, value]) => [
    text.indexOf(`\x02${name}\0`),
    `${name}=${value}`,
  ]);
  const inOrder = [...binary, ...strings].sort(([a], [b]) => a - b).map(([, field]) => field);
  return [artefacts.subarray(0, 1).toString('hex'), ...inOrder].join(' ');
}

/** Nonce and tag of parameters in YAML. */
function base64Of(yaml) {
  return ['iv', 'at'].map((name) => new RegExp(`${name}: !!?binary \\|-?\\s+(\\S+)`).exec(yaml)[1]);
}

/** The empty text as the library of 2019 wrote it: no data, but parameters, in YAML. */
function emptyCiphertextOf2019(key) {
  const iv = Buffer.alloc(12, 2);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key, 'base64url'), iv).setAAD(Buffer.from('none'));
  cipher.final();
  const [ivText, tagText] = [iv, cipher.getAuthTag()].map((bytes) => bytes.toString('base64'));
  const yaml = `---\niv: !binary |-\n  ${ivText}\nat: !binary |-\n  ${tagText}\nad: none\n`;
  return `Aes256Gcm..${base64url(Buffer.from(yaml))}`;
}
