/**
 * The first guide's forty-three steps, through the package in a browser: after each part the test looks, as the users
 * themselves could, at what the Keystore and the Vault hold.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBench } from './support/bench.mjs';

const values = { licence_plate: 'NotACatDefsACar', model_make: 'DMC-12 · Δt at 𝟠𝟠 mph ⚡' };

describe('sharing in an encryption space', () => {
  let bench;
  /** Calls a service as a user, past the package: the answer's body, or its status where that is no success. */
  const holds = (user, service, path) =>
    bench.page.evaluate(
      async ([name, where, rest]) => {
        const { tokens } = globalThis.people[name];
        const response = await fetch(`${globalThis.services[`${where}Url`]}${rest}`, {
          headers: { Authorization: tokens[where] },
        });
        return response.ok ? response.json() : response.status;
      },
      [user, service, path],
    );
  /** The requests that a user's client has sent since this was asked last, without ids. */
  const sent = (user) => bench.page.evaluate((name) => globalThis.people[name].requests.splice(0), user);

  let item;
  let invitation;
  let connection;
  let share;
  let space;

  before(async () => {
    bench = await openBench();
    item = await bench.page.evaluate(async (slots) => {
      const { VaultClient } = globalThis.vaultshare;
      globalThis.people = {};
      for (const name of ['alice', 'bob', 'carlos']) {
        const person = { tokens: {}, requests: [] };
        const watching = (request) => {
          const path = new URL(request.url).pathname;
          const [, service, rest] = /^\/(vault|keystore)(\/.*)$/.exec(path);
          const token = request.headers.get('Authorization');
          if (token) person.tokens[service] = token;
          person.requests.push(`${request.method} ${service}${rest.replace(/[0-9a-f-]{36}/g, 'ID')}`);
          return fetch(request);
        };
        const client = new VaultClient({ ...globalThis.services, fetch: watching });
        person.session = await client.createUser('supersecretpassword');
        globalThis.people[name] = person;
      }
      return globalThis.people.alice.session.items.create({ template: 'vehicle', label: 'My Car', slots });
    }, values);
    await sent('alice');
    await sent('bob');
  });
  after(() => bench?.close());

  it('1–9: keeps a key pair, publishes its public half and invites', async () => {
    invitation = await bench.page.evaluate(() => globalThis.people.alice.session.invitations.create({ name: 'Bob' }));
    assert.ok(invitation.id && invitation.token);
    assert.deepEqual(await sent('alice'), ['POST keystore/keypairs', 'POST vault/invitations']);

    const {
      public_keys: [published],
    } = await holds('alice', 'vault', '/key_store/public_keys');
    const { keypair } = await holds('alice', 'keystore', `/keypairs/${published.key_store_id}`);
    assert.equal(keypair.public_key, published.public_key);
    assert.match(keypair.encrypted_serialized_key, /^Aes256Gcm\./);
    const {
      invitations: [held],
    } = await holds('alice', 'vault', '/invitations');
    assert.deepEqual([held.id, held.token, held.public_key_id], [invitation.id, '', published.id], 'no token is kept');
    assert.match(held.encrypted_recipient_name, /^Aes256Gcm\./);
  });

  it('10–18: accepts with id and token, and both see each other’s public key', async () => {
    connection = await bench.page.evaluate(
      ({ id, token }) => globalThis.people.bob.session.connections.accept({ id, token }, { name: 'Alice' }),
      invitation,
    );
    assert.deepEqual(
      await sent('bob'),
      ['POST vault/invitations/lookup', 'POST keystore/keypairs', 'POST vault/connections'],
      'whose key it is goes into the key pair, so it is asked for before',
    );

    const ofBob = (await holds('bob', 'vault', `/connections/${connection.id}`)).connection;
    const ofAlice = (await holds('alice', 'vault', `/connections/${connection.otherConnectionId}`)).connection;
    assert.equal(ofBob.public_key, ofAlice.other_user_connection_public_key);
    assert.equal(ofAlice.public_key, ofBob.other_user_connection_public_key);
    const { keypair } = await holds('bob', 'keystore', `/keypairs/${ofBob.key_store_keypair_id}`);
    assert.equal(keypair.public_key, ofBob.public_key);
    assert.deepEqual([ofAlice.encryption_space_id, ofBob.encryption_space_id], [null, null]);
    assert.deepEqual((await holds('alice', 'vault', '/invitations')).invitations, [], 'the invitation is used up');
  });

  it('19–29: makes one key, in the Keystore for both and named in the Vault', async () => {
    share = await bench.page.evaluate(
      ({ itemId, connectionId }) => globalThis.people.alice.session.encryptionSpaces.share({ itemId, connectionId }),
      { itemId: item.id, connectionId: connection.otherConnectionId },
    );
    const requests = await sent('alice');
    assert.deepEqual(
      requests.filter((request) => request.startsWith('POST')),
      [
        'POST keystore/encryption_spaces',
        'POST keystore/shared_keys',
        'POST vault/connections/ID/encryption_space',
        'POST vault/shares',
      ],
    );

    space = (await holds('alice', 'vault', `/connections/${connection.otherConnectionId}`)).connection
      .encryption_space_id;
    const { encryption_space_data_encryption_key: copy } = await holds(
      'alice',
      'keystore',
      `/encryption_spaces/${space}`,
    );
    assert.equal(copy.encryption_space_id, space);
    assert.match(copy.serialized_data_encryption_key, /^Aes256Gcm\./);
    const seen = (await holds('bob', 'vault', `/connections/${connection.id}`)).connection;
    assert.deepEqual([seen.encryption_space_id, seen.other_user_connection_encryption_space_id], [null, space]);
    for (const other of ['bob', 'carlos']) {
      assert.equal(await holds(other, 'keystore', `/encryption_spaces/${space}`), 404, `${other} has no copy yet`);
    }
  });

  it('30–32: stores the item’s values under that key, by its owner’s ids', async () => {
    const held = await holds('bob', 'vault', `/shares/${share.id}`);
    assert.deepEqual([held.share.shareable_type, held.share.shareable_id], ['Item', item.id]);
    const filled = item.slots.filter(({ value }) => value !== null);
    assert.deepEqual(Object.keys(held.share.encrypted_values).sort(), filled.map(({ id }) => id).sort());
    for (const value of Object.values(held.share.encrypted_values)) assert.match(value, /^Aes256Gcm\./);
    assert.ok(
      held.slots.every((slot) => slot.encrypted_value === null),
      'the owner’s own ciphertexts stay hers',
    );
    assert.equal(await holds('carlos', 'vault', `/shares/${share.id}`), 404);
  });

  it('33–36: lists what came, with the connection it came by', async () => {
    const { entries } = await bench.page.evaluate(() =>
      globalThis.people.bob.session.encryptionSpaces.list('incoming'),
    );
    assert.deepEqual(
      entries.map(({ id, connectionId, itemId }) => [id, connectionId, itemId]),
      [[share.id, connection.id, item.id]],
    );
    assert.equal(entries[0].encryptionSpaceId, undefined, 'not claimed yet');
    assert.deepEqual(await sent('bob'), ['GET vault/shares/incoming']);
  });

  it('37–43: claims the key, keeps it under the own KEK, and reads', async () => {
    const read = await bench.page.evaluate(async (id) => {
      const { item: received } = await globalThis.people.bob.session.encryptionSpaces.get(id);
      return {
        id: received.id,
        own: received.own,
        plate: received.value('licence_plate'),
        make: received.value('model_make'),
        vin: received.value('vin'),
      };
    }, share.id);
    assert.deepEqual(read, {
      id: item.id,
      own: false,
      plate: values.licence_plate,
      make: values.model_make,
      vin: null,
    });
    assert.deepEqual(await sent('bob'), [
      'GET vault/shares/ID',
      'GET vault/connections/ID',
      'POST keystore/shared_keys/ID/claim_key',
      'POST keystore/encryption_spaces',
      'POST vault/connections/ID/encryption_space',
    ]);

    const [ofAlice, ofBob] = [
      await holds('alice', 'keystore', `/encryption_spaces/${space}`),
      await holds('bob', 'keystore', `/encryption_spaces/${space}`),
    ].map((reply) => reply.encryption_space_data_encryption_key);
    assert.notEqual(
      ofBob.serialized_data_encryption_key,
      ofAlice.serialized_data_encryption_key,
      'each has a copy under the own KEK',
    );
    const seen = (await holds('bob', 'vault', `/connections/${connection.id}`)).connection;
    assert.deepEqual([seen.encryption_space_id, seen.other_user_connection_encryption_space_id], [space, space]);
  });

  it('reads again without claiming, and shares back under the same key', async () => {
    const back = await bench.page.evaluate(
      async ({ id, connectionId }) => {
        const { alice, bob } = globalThis.people;
        await bob.session.encryptionSpaces.get(id);
        const bike = await bob.session.items.create({
          template: 'custom',
          label: 'Bike',
          slots: [{ label: 'Lock', value: '1234' }],
        });
        const { id: backId } = await bob.session.encryptionSpaces.share({ itemId: bike.id, connectionId });
        const { item: received } = await alice.session.encryptionSpaces.get(backId);
        await alice.session.encryptionSpaces.delete(backId);
        return {
          lock: received.value('lock'),
          left: (await bob.session.encryptionSpaces.list('outgoing')).entries.length,
        };
      },
      { id: share.id, connectionId: connection.id },
    );
    assert.deepEqual(back, { lock: '1234', left: 0 });
    const requests = await sent('bob');
    assert.deepEqual(
      requests.filter((request) => request.includes('claim_key') || request === 'POST keystore/encryption_spaces'),
      ['POST keystore/shared_keys/ID/claim_key'],
      'who shares under a claimed key asks once for the signature of who made it, and keeps no second copy',
    );
    const reading = requests.slice(0, requests.indexOf('POST vault/items'));
    assert.deepEqual(reading, ['GET vault/shares/ID', 'GET vault/connections/ID', 'GET keystore/encryption_spaces/ID']);
  });

  it('says what is wrong', async () => {
    const codes = await bench.page.evaluate(async (itemId) => {
      const { bob } = globalThis.people;
      const {
        entries: [own],
      } = await bob.session.items.list({ own: true });
      const codeOf = (work) =>
        work.then(
          () => 'no error',
          (error) => error.code,
        );
      return [
        await codeOf(bob.session.encryptionSpaces.list('sideways')),
        await codeOf(bob.session.encryptionSpaces.share({ itemId })),
        await codeOf(bob.session.encryptionSpaces.share({ itemId: own.id, connectionId: 'none' })),
        await codeOf(bob.session.encryptionSpaces.get('none')),
      ];
    }, item.id);
    assert.deepEqual(codes, ['INVALID_ARGUMENT', 'INVALID_ARGUMENT', 'NOT_CONNECTED', 'NOT_FOUND']);
  });
});
