/**
 * The promise of the whole project, checked from outside: what goes over the wire gives nothing away.
 *
 * Everything between browser and server is recorded while Alice shares something with Bob. The keys are then derived
 * without our code, from secrets, passphrases and the recorded envelopes, and looked for in every request and
 * response, in every common way of writing bytes down.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBench } from './support/bench.mjs';
import { deriveKeys } from './support/keys.mjs';
import { keySecret, privateKeySecrets, search, textSecret, writtenForms } from './support/needles.mjs';
import { shareOnce, story } from './support/story.mjs';

describe('the traffic of a share', () => {
  let bench;
  let users;
  let exchanges;
  let secrets;

  before(async () => {
    bench = await openBench({ record: true });
    users = await bench.page.evaluate(shareOnce, story);
    exchanges = [...bench.exchanges];
    const keysOf = (name) => deriveKeys(users[name].secret, story.passphrases[name], exchanges);
    users.alice.keys = keysOf('alice');
    users.bob.keys = keysOf('bob');
    secrets = ['alice', 'bob'].flatMap((name) => secretsOf(name, users[name]));
    secrets.push(...Object.entries(story.values).map(([name, value]) => textSecret(`the value of ${name}`, value)));
  });
  after(() => bench?.close());

  it('brings Bob the values that Alice wrote', () => {
    assert.deepEqual(users.read, story.values);
    assert.deepEqual(users.readAfterSigningInAgain, story.values);
  });

  it('goes to the server only, and breaks no policy', () => {
    assert.deepEqual(bench.strayRequests, []);
    assert.deepEqual(bench.trouble, []);
  });

  it('lets both ends derive the keys they should have, so that the search knows what to look for', () => {
    for (const name of ['alice', 'bob']) {
      const { keyEncryptionKey, dataKeys, privateKeys } = users[name].keys;
      assert.equal(keyEncryptionKey.length, 32);
      assert.deepEqual(
        dataKeys.map((key) => key.length),
        [32],
        `${name} has one data key`,
      );
      const pairs = name === 'alice' ? 3 : 2;
      assert.equal(privateKeys.length, pairs, `${name} has one to log in, one for the connection, and to sign shares`);
    }
    assert.deepEqual(
      users.bob.keys.shareKeys.map((key) => key.length),
      [32],
      'the share has a key of its own, sealed for Bob',
    );
    assert.ok(
      !users.bob.keys.shareKeys[0].equals(users.alice.keys.dataKeys[0]),
      'the share’s key is not Alice’s data key',
    );
  });

  it('contains no value, passphrase, secret, private key, key-encryption key or data key, in any form', () => {
    assert.deepEqual(search(secrets, exchanges), []);
  });

  it('is searched well: what is there in the open is found', () => {
    const found = search(
      [textSecret('the label', story.label), textSecret('the user id', users.alice.userId)],
      exchanges,
    );
    assert.ok(
      found.some((place) => place.includes('the label, as it is, in the request body of POST /vault/items')),
      found.join('\n'),
    );
    assert.ok(
      found.some((place) => place.includes('the user id, as it is, in the response body')),
      found.join('\n'),
    );
  });

  it('is searched well: every secret planted into real traffic is found, in each form and each place', async () => {
    for (const secret of secrets) {
      for (const { form, bytes } of writtenForms(secret)) {
        const planted = {
          ...exchanges[0],
          responseBody: Buffer.concat([Buffer.from('{"x":"'), bytes, Buffer.from('"}')]),
        };
        const found = search([secret], [planted]);
        assert.ok(
          found.some((place) => place.startsWith(`${secret.name}, ${form}, in the response body`)),
          `${secret.name}, ${form}, is overlooked`,
        );
      }
    }
    const key = users.alice.keys.dataKeys[0];
    await bench.page.evaluate(
      async ({ inUrl, inHeader, inBody }) => {
        await fetch(`/vault/version?planted=${inUrl}`, {
          method: 'POST',
          headers: { 'X-Planted': inHeader },
          body: inBody,
        });
      },
      {
        inUrl: key.toString('base64url'),
        inHeader: Buffer.concat([Buffer.from('k'), key]).toString('base64'),
        inBody: JSON.stringify({ nested: { key: key.toString('hex') } }),
      },
    );
    const found = search([keySecret('the data key', key)], bench.exchanges.slice(exchanges.length));
    for (const place of [
      'base64url at offset 0, in the request line',
      'base64 at offset 1, in the request headers',
      'hex, in the request body',
    ]) {
      assert.ok(
        found.some((finding) => finding.includes(place)),
        `not found: ${place}\n${found.join('\n')}`,
      );
    }
  });
});

function secretsOf(name, { secret, keys }) {
  const groups = secret.split('.')[2];
  return [
    textSecret(`${name}’s passphrase`, story.passphrases[name]),
    textSecret(`${name}’s secret`, groups),
    textSecret(`${name}’s secret without hyphens`, groups.replaceAll('-', '')),
    keySecret(`${name}’s passphrase key`, keys.passphraseKey),
    keySecret(`${name}’s login password`, keys.loginPassword),
    keySecret(`${name}’s key-encryption key`, keys.keyEncryptionKey),
    ...keys.dataKeys.map((key) => keySecret(`${name}’s data key`, key)),
    ...keys.shareKeys.map((key) => keySecret(`a share key of ${name}’s`, key)),
    ...keys.privateKeys.flatMap((key, at) => privateKeySecrets(key, `${name}’s private key ${at + 1}`)),
  ];
}
