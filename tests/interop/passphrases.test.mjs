// Envelopes that carry their own key derivation, and the derivation itself.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import * as newer from 'cryppo-new';
import * as older from 'cryppo-old';

import { decryptWithPassphrase, SymmetricKey, sameBytes, withCode } from './ours.mjs';
import { LEGACY, old, peers, recent } from './peers.mjs';

const PASSPHRASES = {
  ASCII: 'correct horse battery staple',
  'Latin-1': 'Müllers Größe',
  'beyond Latin-1': '鍵 Ωμέγα €',
  'astral characters': '🔑👩‍👩‍👧 𝄞',
  'the empty one': '',
};

/** Bytes that are no text, so that nothing on the way may take them for one. */
const BYTES = Uint8Array.from({ length: 300 }, (_, index) => index & 0xff);

for (const peer of peers) {
  describe(peer.name, () => {
    for (const [kind, passphrase] of Object.entries(PASSPHRASES)) {
      test(`encrypts for a passphrase (${kind}) what we decrypt, in both forms`, async () => {
        const today = await peer.encryptWithPassphrase(passphrase, BYTES);
        assert.match(today, /\.Pbkdf2Hmac\.S/);
        sameBytes(await decryptWithPassphrase(today, passphrase), BYTES);
        const then = await peer.encryptWithPassphrase(passphrase, BYTES, LEGACY);
        assert.match(then, /\.Pbkdf2Hmac\.LS0t/);
        sameBytes(await decryptWithPassphrase(then, passphrase), BYTES);
      });

      test(`derives from a passphrase (${kind}) the key that we derive`, async () => {
        const salt = Uint8Array.from({ length: 20 }, (_, index) => 255 - index);
        const ours = await SymmetricKey.fromPassphrase(passphrase, salt, 20_000);
        sameBytes(Buffer.from(ours.export(), 'base64url'), await peer.deriveKey(passphrase, salt, 20_000));
      });
    }

    test('and we refuse a wrong passphrase', async () => {
      const envelope = await peer.encryptWithPassphrase('Größe', BYTES);
      await assert.rejects(decryptWithPassphrase(envelope, 'Grösse'), withCode('DECRYPTION_FAILED'));
    });

    test('derives the guide’s key from the guide’s secret, and so do we', async () => {
      const salt = Buffer.from('xQCSCK8A1d6demUjx8YVGDcTUhctWy2rfHyv7JNAgh9');
      const key = '24rdL_ugryujjDLcvwt00ARWWMCF4kk4gJETJy6yRjs=';
      const ours = await SymmetricKey.fromPassphrase('supersecretpassword', salt, 100_000);
      assert.equal(ours.export(), key);
      sameBytes(await peer.deriveKey('supersecretpassword', salt, 100_000), Buffer.from(key, 'base64url'));
    });

    test('decrypts with the key that we derive, when the envelope’s parameters are told to us', async () => {
      const envelope = await peer.encryptWithPassphrase('Größe', BYTES);
      const {
        serializationArtifacts: { iv, i },
      } = newer.deSerializeDerivedKeyOptions(envelope);
      const ours = await SymmetricKey.fromPassphrase('Größe', new Uint8Array(iv), i);
      sameBytes(await ours.decryptBytes(envelope.split('.').slice(0, 3).join('.')), BYTES);
      const sealed = await ours.encryptBytes(BYTES);
      const [, , , ...derivation] = envelope.split('.');
      const forPassphrase = [sealed, ...derivation].join('.');
      sameBytes(await decryptWithPassphrase(forPassphrase, 'Größe'), BYTES);
      sameBytes(await opened(peer, forPassphrase, 'Größe'), BYTES);
    });
  });
}

describe('data of before UTF-8, whose passphrases were hashed by their UTF-16 units', () => {
  // Units beyond one byte spill into those before them; more than 64 units are hashed to a key first.
  for (const passphrase of ['Größe', '鍵', 'ab€ 🔑', '鍵€ '.repeat(30)]) {
    test(`still opens with “${passphrase}” here and in 0.9.0`, async () => {
      const options = older.DerivedKeyOptions.randomFromOptions({});
      const key = await options.deriveKey(passphrase, 'legacy');
      const data = Buffer.from(BYTES).toString('latin1');
      const { serialized } = await older.encryptBinaryWithKey({ key, data, strategy: 'AES-GCM' }, LEGACY);
      const envelope = `${serialized}.${options.serialize(LEGACY)}`;
      sameBytes(await decryptWithPassphrase(envelope, passphrase), BYTES);
      sameBytes(await opened(old, envelope, passphrase), BYTES);
    });
  }
});

/** The peer's own way to open an envelope for a passphrase. */
async function opened(peer, serialized, passphrase) {
  if (peer === recent) return newer.decryptWithKeyDerivedFromString({ serialized, passphrase });
  return Buffer.from(await older.decryptBinaryWithKey({ serialized, key: passphrase }), 'latin1');
}
