/**
 * Closing a session means that its keys are gone, not merely out of reach: nothing in the module's memory still
 * equals one of them. That they are found there before, while they are in use, shows that the scan would find them.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBench } from './support/bench.mjs';
import { deriveKeys } from './support/keys.mjs';
import { captureMemory, scanMemory } from './support/memory.mjs';
import { keySecret, privateKeySecrets, textSecret } from './support/needles.mjs';
import { shareOnce, story } from './support/story.mjs';

describe('the memory of the module', () => {
  let bench;
  let bob;
  let secrets;

  before(async () => {
    bench = await openBench({ record: true, before: captureMemory });
    // Ends with every session signed out; the test below opens one of its own.
    ({ bob } = await bench.page.evaluate(shareOnce, story));
    bob.keys = deriveKeys(bob.secret, story.passphrases.bob, bench.exchanges);
    secrets = [textSecret('the passphrase', story.passphrases.bob), ...secretsOf(bob.keys)];
  });
  after(() => bench?.close());

  it('holds none of the keys after signing out', async () => {
    const { scanned, found } = await scanMemory(bench.page, secrets);
    assert.ok(scanned > 0, 'no module memory was captured');
    assert.deepEqual(found, []);
  });

  it('holds the keys while a session uses them, and none of them after close()', async () => {
    await bench.page.evaluate(
      async ({ secret, passphrase }) => {
        const client = new globalThis.vaultshare.VaultClient(globalThis.services);
        globalThis.session = await client.signIn(secret, passphrase);
        const { entries } = await globalThis.session.shares.incoming();
        await globalThis.session.shares.get(entries[0].id);
      },
      { secret: bob.secret, passphrase: story.passphrases.bob },
    );

    const inUse = await scanMemory(bench.page, secrets);
    assert.ok(
      inUse.found.includes('the key-encryption key, raw'),
      'the key-encryption key in use is not found: the scan proves nothing',
    );
    assert.ok(inUse.found.includes('the data key, raw'), 'the data key in use is not found: the scan proves nothing');

    await bench.page.evaluate(() => globalThis.session.close());
    const closed = await scanMemory(bench.page, secrets);
    assert.ok(closed.scanned >= inUse.scanned, 'the memory that was searched before is no longer searched');
    assert.deepEqual(closed.found, []);
  });

  it('holds none of the keys of a user who was just created, made an item and a connection, and closed', async () => {
    const seen = bench.exchanges.length;
    const created = await bench.page.evaluate(
      async ({ passphrase, label, values }) => {
        const client = new globalThis.vaultshare.VaultClient(globalThis.services);
        const session = await client.createUser(passphrase);
        await session.items.create({ template: 'vehicle', label, slots: values });
        await session.invitations.create({ name: 'Carlos' });
        const { secret } = session;
        session.close();
        return { secret };
      },
      { passphrase: story.passphrases.alice, ...story },
    );
    const keys = deriveKeys(created.secret, story.passphrases.alice, bench.exchanges.slice(seen));
    assert.equal(keys.privateKeys.length, 2, 'both key pairs that were made are looked for');
    const { found } = await scanMemory(bench.page, [
      textSecret('the passphrase', story.passphrases.alice),
      ...secretsOf(keys),
    ]);
    assert.deepEqual(found, []);
  });
});

function secretsOf({ passphraseKey, keyEncryptionKey, dataKeys, shareKeys, privateKeys }) {
  return [
    ...symmetric('the passphrase key', passphraseKey),
    ...symmetric('the key-encryption key', keyEncryptionKey),
    ...dataKeys.flatMap((key) => symmetric('the data key', key)),
    ...shareKeys.flatMap((key) => symmetric('a share’s key', key)),
    ...privateKeys.flatMap((key, at) => privateKeySecrets(key, `private key ${at + 1}`)).flatMap(leftovers),
  ];
}

/**
 * What may be left of a long secret: the whole of it, its middle where the ends were written over, and, for the
 * numbers of a private key, the order in which a processor keeps them.
 */
function leftovers({ name, bytes }) {
  const middle = (whole) => whole.subarray(Math.floor(whole.length / 2) - 24, Math.floor(whole.length / 2) + 24);
  const reversed = Buffer.from(bytes).reverse();
  return [
    keySecret(name, bytes),
    keySecret(`${name}, the middle of it`, middle(bytes)),
    keySecret(`${name}, least significant byte first`, reversed),
    keySecret(`${name}, the middle of it, least significant byte first`, middle(reversed)),
  ];
}

function symmetric(name, key) {
  return [
    keySecret(`${name}, raw`, key),
    keySecret(`${name}, base64`, Buffer.from(key.toString('base64').replaceAll('=', ''))),
    keySecret(`${name}, base64url`, Buffer.from(key.toString('base64url'))),
    keySecret(`${name}, hex`, Buffer.from(key.toString('hex'))),
  ];
}
