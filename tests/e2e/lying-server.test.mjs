/** What an app meets when the server lies, and how its user decides: keys, items and memory. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openInNode, passphrase, vaultshare } from './support/in-node.mjs';

describe('against a server that lies', () => {
  let world;
  let alice;
  let bob;
  let toBob;
  let car;

  before(async () => {
    world = await openInNode();
    alice = await world.makeClient().createUser(passphrase);
    bob = await world.makeClient().createUser(passphrase);
    const { token } = await alice.invitations.create({ name: 'Bob' });
    await bob.connections.accept(token, { name: 'Alice' });
    [toBob] = (await alice.connections.list()).entries;
    car = await makeItem();
  });
  after(async () => {
    alice?.close();
    bob?.close();
    await world?.close();
  });

  const makeItem = () =>
    alice.items.create({ template: 'vehicle', label: 'Car', slots: { licence_plate: 'OUTATIME' } });
  const anotherSession = () => world.makeClient().signIn(alice.secret, passphrase);

  /** What a call comes to while every reply to a GET is another text. */
  async function whileAnswered(change, call) {
    const send = world.fetch;
    world.fetch = async (request) => {
      const response = await send(request);
      if (request.method !== 'GET') return response;
      return new Response(change(await response.text(), request.url), response);
    };
    try {
      return await call();
    } finally {
      world.fetch = send;
    }
  }

  /** That a call is refused with this code, before anything was sent that is not a GET. */
  async function refused(code, call) {
    const sent = world.requests.length;
    await assert.rejects(call, { name: 'VaultError', code });
    assert.deepEqual(
      world.requests.slice(sent).filter((request) => !request.startsWith('GET ')),
      [],
    );
  }

  describe('a received item', () => {
    /** Without what the sender signed, as another client shares it. */
    const unsigned = (text) => {
      const reply = JSON.parse(text);
      for (const share of [reply.share, ...(reply.shares ?? [])]) delete share?.proof;
      return JSON.stringify(reply);
    };
    let share;

    before(async () => {
      share = await alice.shares.create({ itemId: car.id, connectionId: toBob.ref });
    });
    after(() => alice.shares.delete(share.id));

    it('says who shared it, and whose it is', async () => {
      assert.equal(car.sender, undefined);
      const { item } = await bob.shares.get(share.id, { requireProof: true });
      const [toAlice] = (await bob.connections.list()).entries;
      assert.deepEqual(
        [item.sender, item.senderFingerprint, item.senderKeypairId, item.owner, item.provenBefore],
        ['proven', toAlice.fingerprint, toAlice.keypairId, 'proven', false],
      );
      const [{ item: again }] = await bob.items.getMany([item.id], { requireProof: true });
      assert.deepEqual([again.sender, again.provenBefore], ['proven', true]);
    });

    it('is the word of the server where the proof is withheld', async () => {
      const { item } = await whileAnswered(unsigned, () => bob.shares.get(share.id));
      assert.deepEqual(
        [item.sender, item.senderFingerprint, item.senderKeypairId, item.owner, item.provenBefore],
        ['unproven', undefined, undefined, 'unproven', true],
      );
      const code = 'SENDER_NOT_PROVEN';
      const requireProof = true;
      await whileAnswered(unsigned, async () => {
        await assert.rejects(bob.shares.get(share.id, { requireProof }), { name: 'VaultError', code });
        await assert.rejects(bob.items.get(item.id, { requireProof }), { name: 'VaultError', code });
        const [outcome] = await bob.items.getMany([item.id], { requireProof });
        assert.deepEqual([outcome.id, outcome.error.code], [item.id, code]);
      });
      const own = await alice.items.get(car.id, { requireProof });
      assert.equal(own.id, car.id, 'an own item needs no proof');
    });
  });

  describe('a connection', () => {
    it('is named by a reference, which names its key too', async () => {
      assert.equal(toBob.ref, `${toBob.id}~${toBob.fingerprint}`);
      assert.equal(toBob.fingerprint, vaultshare.PublicKey.import(toBob.otherPublicKey).fingerprint);
      assert.equal((await alice.connections.get(toBob.ref)).id, toBob.id);
      assert.deepEqual([toBob.nameBound, toBob.keyChanged], [true, false]);
    });

    it('is refused by a reference to another key, in every call', async () => {
      const share = await alice.shares.create({ itemId: car.id, connectionId: toBob.ref });
      const connectionId = `${toBob.id}~${'0123456789abcdef'.repeat(4)}`;
      for (const call of [
        () => alice.connections.get(connectionId),
        () => alice.connections.delete(connectionId),
        () => alice.shares.create({ itemId: car.id, connectionId }),
        () => alice.shares.change({ shareId: share.id, itemId: car.id, connectionId, onSharing: true }),
        () => alice.encryptionSpaces.share({ itemId: car.id, connectionId }),
      ])
        await refused('KEY_CHANGED', call);
      // A list is the server's word, whichever key is meant.
      assert.equal((await alice.shares.outgoing({ connectionId })).entries.length, 1);
      await alice.shares.delete(share.id);
    });

    it('is verified once its own safety number was compared, and then in every session', async () => {
      assert.equal(toBob.verified, false);
      const digits = toBob.safetyNumber.replaceAll(' ', '');
      const wrong = `${digits.slice(0, -1)}${(Number(digits.at(-1)) + 1) % 10}`;
      await refused('KEY_CHANGED', () => alice.connections.markVerified(toBob.ref, wrong));
      assert.equal((await alice.connections.get(toBob.ref)).verified, false);
      assert.equal((await alice.connections.markVerified(toBob.ref, digits)).verified, 'compared');
      const later = await anotherSession();
      assert.equal((await later.connections.get(toBob.ref)).verified, 'compared');
      later.close();
    });

    it('with another key is refused, shown, and accepted only by the key that was shown', async () => {
      const other = await vaultshare.KeyPair.generate(2048);
      const asText = (pem) => JSON.stringify(pem).slice(1, -1);
      const exchange = (text) => text.replaceAll(asText(toBob.otherPublicKey), asText(other.publicKeyPem));
      await whileAnswered(exchange, async () => {
        await refused('KEY_CHANGED', () => alice.connections.list());
        await refused('KEY_CHANGED', () => alice.connections.get(toBob.id));
        const shown = await alice.connections.inspect(toBob.ref);
        assert.deepEqual(
          [shown.keyChanged, shown.fingerprint, shown.verified, shown.name],
          [true, other.fingerprint, false, 'Bob'],
        );
        assert.notEqual(shown.safetyNumber, toBob.safetyNumber);
        const { entries } = await alice.connections.inspectAll();
        assert.deepEqual(
          entries.map(({ ref, keyChanged }) => [ref, keyChanged]),
          [[shown.ref, true]],
        );
        await refused('KEY_CHANGED', () => alice.connections.trustNewKey(toBob.ref, toBob.fingerprint));
        await refused('KEY_CHANGED', () => alice.connections.get(toBob.id));

        const trusted = await alice.connections.trustNewKey(shown.ref, shown.fingerprint);
        assert.deepEqual([trusted.keyChanged, trusted.verified], [false, false]);
        assert.equal((await alice.connections.get(trusted.ref)).fingerprint, other.fingerprint);
      });
      await refused('KEY_CHANGED', () => alice.connections.get(toBob.id));
      const again = await alice.connections.trustNewKey(toBob.ref, toBob.fingerprint);
      assert.equal(again.ref, toBob.ref);
      other.free();
    });
  });

  describe('an item', () => {
    const relabelled = (text) => text.replaceAll('"label":"Car"', '"label":"Bike"');

    it('whose words the server changed says so, and is not shared', async () => {
      assert.deepEqual([car.changed, car.slots.every(({ bound }) => bound)], [false, true]);
      await whileAnswered(relabelled, async () => {
        const shown = await alice.items.get(car.id);
        assert.deepEqual([shown.label, shown.changed], ['Bike', true]);
        assert.notEqual(shown.version, car.version);
        await refused('ITEM_CHANGED', () => alice.shares.create({ itemId: car.id, connectionId: toBob.ref }));
      });
      assert.equal((await alice.items.get(car.id)).changed, false);
    });

    it('is adopted, and shared, as it was shown and no other way', async () => {
      const shown = await whileAnswered(relabelled, () => alice.items.get(car.id));
      await refused('CONFLICT', () => alice.items.adopt(car.id, shown.version));
      const { version } = shown;
      await refused('CONFLICT', () => alice.shares.create({ itemId: car.id, connectionId: toBob.ref, version }));

      const before = await alice.items.get(car.id);
      const adopted = await alice.items.adopt(car.id, before.version);
      assert.deepEqual([adopted.birth, adopted.revision], [before.birth, before.revision + 1]);
      assert.equal(adopted.value('licence_plate'), 'OUTATIME');
      await refused('CONFLICT', () => alice.items.adopt(car.id, before.version));
    });
  });

  describe('a memory', () => {
    it('lets a later session see that it is shown an older item', async () => {
      const item = await makeItem();
      const path = `/items/${item.id}`;
      let old;
      const keep = (text, url) => {
        if (url.endsWith(path)) old ??= text;
        return text;
      };
      await whileAnswered(keep, () => alice.items.get(item.id));
      await alice.items.update(item.id, { slots: { licence_plate: 'EVF-1234' } });
      const memory = await alice.exportMemory();

      const rollBack = (text, url) => (url.endsWith(path) ? old : text);
      const without = await anotherSession();
      const seen = await whileAnswered(rollBack, () => without.items.get(item.id));
      assert.equal(seen.value('licence_plate'), 'OUTATIME', 'without a memory it cannot be told');

      const later = await anotherSession();
      assert.equal(await later.importMemory(memory), undefined);
      await whileAnswered(rollBack, () => refused('ROLLED_BACK', () => later.items.get(item.id)));
      assert.equal((await later.items.get(item.id)).value('licence_plate'), 'EVF-1234');
      without.close();
      later.close();
    });

    it('is for its own user alone', async () => {
      await assert.rejects(bob.importMemory(await alice.exportMemory()), { code: 'DECRYPTION_FAILED' });
      await assert.rejects(bob.importMemory('no memory'), { code: 'MALFORMED_ENVELOPE' });
      assert.ok((await bob.connections.list()).entries.length > 0);
    });
  });

  it('whom an update leaves out is named, and let in by the key that was shown', async () => {
    const item = await makeItem();
    const share = await alice.shares.create({ itemId: item.id, connectionId: toBob.ref });
    const forget = (text, url) => {
      if (!url.endsWith(`/items/${item.id}/shares`)) return text;
      return JSON.stringify({ shares: JSON.parse(text).shares.map(({ grant, ...rest }) => rest) });
    };
    await alice.items.update(item.id, { slots: { licence_plate: 'EVF-1234' } });
    const leftOut = [{ shareId: share.id, recipientId: bob.userId, fingerprint: toBob.fingerprint, why: 'no grant' }];
    const { completed } = await whileAnswered(forget, () => alice.tasks.run());
    assert.deepEqual(completed.find(({ targetId }) => targetId === item.id)?.leftOut, leftOut);
    const plate = async () => (await bob.shares.get(share.id)).item.value('licence_plate');
    assert.equal(await plate(), 'OUTATIME');

    const letIn = (fingerprint) =>
      whileAnswered(forget, () => alice.shares.refresh(item.id, { include: [{ shareId: share.id, fingerprint }] }));
    assert.deepEqual(await letIn('0'.repeat(64)), {
      shares: 0,
      onShares: 0,
      leftOut: [{ ...leftOut[0], why: 'key changed' }],
    });
    assert.deepEqual(await letIn(toBob.fingerprint), { shares: 1, onShares: 0, leftOut: [] });
    assert.equal(await plate(), 'EVF-1234');
    assert.deepEqual(await alice.shares.refresh(item.id), { shares: 1, onShares: 0, leftOut: [] });
    const { entries } = await alice.shares.outgoing({ itemIds: [item.id] });
    assert.deepEqual(
      entries.map(({ id, granted }) => [id, granted]),
      [[share.id, true]],
    );
  });
});
