/** Arguments as applications write them: what they may be besides texts, numbers and plain objects, and what each means. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import { openInNode, passphrase, vaultshare } from './support/in-node.mjs';

const { KeyPair, PublicKey, SymmetricKey } = vaultshare;

describe('an argument', () => {
  let world;
  let session;
  let bob;
  let connection;

  before(async () => {
    world = await openInNode();
    session = await world.makeClient().createUser(passphrase);
    bob = await world.makeClient().createUser(passphrase);
    const invitation = await session.invitations.create({ name: 'Bob' });
    await bob.connections.accept(invitation.token, { name: 'Alice' });
    ({
      entries: [connection],
    } = await session.connections.list());
  });
  after(async () => {
    session?.close();
    bob?.close();
    await world?.close();
  });

  const makeItem = (slots = { licence_plate: 'OUTATIME', model_make: 'DMC-12' }) =>
    session.items.create({ template: 'vehicle', label: 'Car', slots });
  const valuesOf = (item) => [item.value('licence_plate'), item.value('model_make')];

  describe('for a slot’s value', () => {
    it('that is undefined leaves the slot as it is, and null empties it', async () => {
      const car = await makeItem();
      const plate = car.slots.find((slot) => slot.name === 'licence_plate');
      for (const [slots, values] of [
        [[{ id: plate.id, value: undefined }], ['OUTATIME', 'DMC-12']],
        [[{ name: 'licence_plate', value: undefined }], ['OUTATIME', 'DMC-12']],
        [[{ name: 'licence_plate' }], ['OUTATIME', 'DMC-12']],
        [{ licence_plate: undefined }, ['OUTATIME', 'DMC-12']],
        [{ licence_plate: undefined, model_make: 'DeLorean' }, ['OUTATIME', 'DeLorean']],
        [[{ name: 'licence_plate', value: null }], [null, 'DeLorean']],
        [{ model_make: null }, [null, null]],
        [{ licence_plate: 'again', model_make: '' }, ['again', null]],
      ]) {
        const { item } = await session.items.update(car.id, { slots });
        assert.deepEqual(valuesOf(item), values, JSON.stringify(slots));
        assert.deepEqual(valuesOf(await session.items.get(car.id)), values, JSON.stringify(slots));
      }
    });

    it('that is undefined names no slot, not even one that there is not', async () => {
      const car = await makeItem();
      const names = car.slots.map((slot) => slot.name);
      const { item } = await session.items.update(car.id, { slots: { no_such_slot: undefined } });
      assert.deepEqual(
        item.slots.map((slot) => slot.name),
        names,
      );
      const made = await makeItem({ licence_plate: undefined, no_such_slot: undefined, model_make: 'DMC-12' });
      assert.deepEqual(
        made.slots.map((slot) => slot.name),
        names,
      );
      assert.deepEqual(valuesOf(made), [null, 'DMC-12']);
    });

    it('changes nothing where everything else is undefined too', async () => {
      const car = await makeItem();
      const { item } = await session.items.update(car.id, {
        label: undefined,
        slots: undefined,
        classifications: undefined,
      });
      assert.deepEqual([item.label, ...valuesOf(item)], ['Car', 'OUTATIME', 'DMC-12']);
    });

    it('may hold any character, also NUL and beyond the first plane', async () => {
      const value = 'a\0b \u{1d7d8} é e\u0301 \ufeff "\\ \u2028';
      const car = await makeItem({ licence_plate: value, model_make: '\ufffd' });
      assert.deepEqual(valuesOf(await session.items.get(car.id)), [value, '\ufffd']);
    });

    it('goes by the slot’s name whatever that is', async () => {
      for (const name of ['constructor', '__proto__', 'length', '0']) {
        const slots = Object.defineProperty({}, name, { value: 'a value', enumerable: true });
        const car = await session.items.create({
          template: 'vehicle',
          label: 'Car',
          slots: [{ name, label: name, value: 'before' }],
        });
        const { item } = await session.items.update(car.id, { slots });
        assert.equal(item.value(name), 'a value', name);
      }
    });
  });

  it('is named where it is wrong, and no word of a new node is lost', async () => {
    const car = await makeItem();
    for (const [change, path] of [
      [{ slots: { plate: 5 } }, 'change.slots.plate'],
      [{ slots: [{ name: 'plate', value: 5 }] }, 'change.slots[0].value'],
      [{ classifications: [{ scheme: 'tag', name: 'cars', label: 'Cars' }] }, 'change.classifications[0].label'],
    ]) {
      await assert.rejects(session.items.update(car.id, change), (error) => {
        assert.deepEqual([error.code, error.message.split('`')[1]], ['INVALID_ARGUMENT', path]);
        return true;
      });
    }
    const classifications = [{ scheme: 'tag', name: 'cars' }];
    const { item } = await session.items.update(car.id, { classifications });
    assert.deepEqual((await session.items.update(item.id, item)).item.classifications, item.classifications);
  });

  describe('for an instant', () => {
    const time = '2090-01-02T03:04:05Z';
    const forms = {
      'a text': () => time,
      'a text with fractions': () => '2090-01-02T03:04:05.000Z',
      'a text in another zone': () => '2090-01-02T05:04:05+02:00',
      'a Date': () => new Date(time),
      'another realm’s Date': () => runInNewContext('new Date(time)', { time }),
      'a Date of a subclass': () => new (class extends Date {})(time),
    };
    for (const [label, make] of Object.entries(forms)) {
      it(`may be ${label}`, async () => {
        const expectTime = ({ expiresAt }) => assert.equal(new Date(expiresAt).getTime(), new Date(time).getTime());
        const car = await makeItem();
        const share = await session.shares.create({ itemId: car.id, connectionId: connection.id, expiresAt: make() });
        const terms = { shareId: share.id, itemId: car.id, connectionId: connection.ref };
        expectTime(share);
        assert.equal((await session.shares.change({ ...terms, expiresAt: null })).expiresAt, undefined);
        expectTime(await session.shares.change({ ...terms, expiresAt: make() }));
        expectTime(
          await session.encryptionSpaces.share({ itemId: car.id, connectionId: connection.id, expiresAt: make() }),
        );
      });
    }

    it('stays as it is where it is undefined, and is none where it is null or left out', async () => {
      const car = await makeItem();
      const share = await session.shares.create({ itemId: car.id, connectionId: connection.id, expiresAt: time });
      const terms = { shareId: share.id, itemId: car.id, connectionId: connection.ref };
      assert.equal(
        (await session.shares.change({ ...terms, expiresAt: undefined, onSharing: true })).expiresAt,
        share.expiresAt,
      );
      assert.equal((await session.shares.change({ ...terms, onSharing: false })).expiresAt, share.expiresAt);
      assert.equal((await session.shares.change({ ...terms, expiresAt: null })).expiresAt, undefined);
      const other = await makeItem();
      assert.equal(
        (await session.shares.create({ itemId: other.id, connectionId: connection.id, expiresAt: undefined }))
          .expiresAt,
        undefined,
      );
    });

    it('that is none is refused', async () => {
      const car = await makeItem();
      const share = await session.shares.create({ itemId: car.id, connectionId: connection.id });
      const terms = { shareId: share.id, itemId: car.id, connectionId: connection.ref };
      const invalid = [
        new Date(NaN),
        runInNewContext('new Date(NaN)'),
        NaN,
        0,
        4_102_444_800_000,
        'tomorrow',
        '2090-13-01T00:00:00Z',
        '2090-02-30',
        '01/02/2090',
        '2 January 2090',
        '',
        {},
        [],
        true,
      ];
      for (const expiresAt of invalid) {
        const refusal = { name: 'VaultError', code: 'INVALID_ARGUMENT', message: /expiresAt/ };
        await assert.rejects(
          session.shares.create({ itemId: car.id, connectionId: connection.id, expiresAt }),
          refusal,
          String(expiresAt),
        );
        await assert.rejects(session.shares.change({ ...terms, expiresAt }), refusal, String(expiresAt));
        await assert.rejects(
          session.encryptionSpaces.share({ itemId: car.id, connectionId: connection.id, expiresAt }),
          refusal,
          String(expiresAt),
        );
      }
    });
  });

  describe('for bytes', () => {
    const memory = new Uint8Array([9, 9, 1, 2, 3, 9]);
    const shared = new Uint8Array(new SharedArrayBuffer(6));
    shared.set(memory);
    const forms = {
      'a Uint8Array': () => new Uint8Array([1, 2, 3]),
      'a part of one': () => memory.subarray(2, 5),
      'a Buffer': () => Buffer.from([1, 2, 3]),
      'a Uint8Array of a subclass': () => new (class extends Uint8Array {})([1, 2, 3]),
      'another realm’s Uint8Array': () => runInNewContext('new Uint8Array([9, 1, 2, 3]).subarray(1)'),
      'a part of shared memory': () => shared.subarray(2, 5),
      'a part of memory that can grow': () =>
        new Uint8Array(new ArrayBuffer(3, { maxByteLength: 100 })).fill(0).map((_, index) => index + 1),
    };
    for (const [label, make] of Object.entries(forms)) {
      it(`may be ${label}`, async () => {
        const key = SymmetricKey.generate();
        const pair = await KeyPair.generate(2048);
        const publicKey = PublicKey.import(pair.publicKeyPem);
        const expected = new Uint8Array([1, 2, 3]);
        assert.deepEqual(await key.decryptBytes(await key.encryptBytes(make())), expected);
        assert.deepEqual(await pair.decryptBytes(await publicKey.encryptBytes(make())), expected);
        assert.deepEqual(await publicKey.verify(await pair.sign(make())), expected);
        for (const used of [key, pair, publicKey]) used.free();
      });
    }

    it('may be so as a salt', async () => {
      const salt = [...Array(16).keys()];
      const expected = (await SymmetricKey.fromPassphrase(passphrase, new Uint8Array(salt), 20_000)).export();
      const sharedSalt = new Uint8Array(new SharedArrayBuffer(16));
      sharedSalt.set(salt);
      for (const given of [
        runInNewContext('new Uint8Array(salt)', { salt }),
        Buffer.from(salt),
        new Uint8Array([9, ...salt]).subarray(1),
        sharedSalt,
      ]) {
        assert.equal((await SymmetricKey.fromPassphrase(passphrase, given, 20_000)).export(), expected);
      }
    });

    it('that are none, or are gone, are refused where there have to be some', async () => {
      const key = SymmetricKey.generate();
      const gone = new Uint8Array(64);
      structuredClone(gone, { transfer: [gone.buffer] });
      for (const bytes of [new Uint8Array(), gone]) {
        await assert.rejects(key.encryptBytes(bytes), { name: 'VaultError', code: 'INVALID_ARGUMENT' });
        await assert.rejects(SymmetricKey.fromPassphrase(passphrase, bytes, 20_000), {
          name: 'VaultError',
          code: 'INVALID_ARGUMENT',
        });
      }
    });

    it('comes back as a Uint8Array of its own memory', async () => {
      const key = SymmetricKey.generate();
      const bytes = await key.decryptBytes(await key.encryptBytes(new Uint8Array([1, 2, 3])));
      assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
      assert.equal(bytes.buffer.byteLength, 3);
    });
  });

  describe('that is an object', () => {
    const given = {
      template: 'vehicle',
      label: 'Car',
      slots: { licence_plate: 'OUTATIME' },
      classifications: [{ scheme: 'tag', name: 'fast' }],
    };
    const forms = {
      'another realm’s': () => runInNewContext(`(${JSON.stringify(given)})`),
      'one without a prototype': () =>
        Object.assign(Object.create(null), given, { slots: Object.assign(Object.create(null), given.slots) }),
      frozen: () => Object.freeze({ ...given, slots: Object.freeze({ ...given.slots }) }),
      // What reactive frameworks hand out.
      'a Proxy that passes everything on': () =>
        new Proxy(
          {
            ...given,
            slots: new Proxy({ ...given.slots }, {}),
            classifications: new Proxy([...given.classifications], {}),
          },
          {},
        ),
      'one with getters': () => Object.defineProperty({ ...given }, 'label', { get: () => 'Car', enumerable: true }),
    };
    for (const [label, make] of Object.entries(forms)) {
      it(`may be ${label}`, async () => {
        const item = await session.items.create(make());
        assert.deepEqual(
          [item.label, item.value('licence_plate'), item.classifications.some((node) => node.name === 'fast')],
          ['Car', 'OUTATIME', true],
        );
      });
    }

    it('has no fields that nobody knows, unless it holds options', async () => {
      const refusal = { code: 'INVALID_ARGUMENT', message: /unknown/ };
      await assert.rejects(session.items.create({ ...given, unknown: 'x' }), refusal);
      await assert.rejects(session.items.list({ unknown: 'x' }), refusal);
      await session.items.list({}, { unknown: 'x' });
      await session.tasks.run({ unknown: 'x' });
      await session.shares.incoming({}, { perPage: 1, unknown: 1 });
    });

    it('may be left out where it is optional, or be null', async () => {
      for (const nothing of [[], [undefined, undefined], [null, null], [{}, {}]]) {
        assert.ok((await session.items.list(...nothing)).entries.length > 0);
        assert.ok((await session.templates.list(...nothing)).entries.length > 0);
        assert.equal(typeof (await session.tasks.count(...nothing)).todo, 'number');
      }
    });

    it('may have null, or undefined, for what it may leave out', async () => {
      for (const nothing of [null, undefined]) {
        const page = { perPage: nothing, after: nothing, all: nothing, signal: nothing, onProgress: nothing };
        assert.ok(
          (await session.items.list({ own: nothing, name: nothing, ids: nothing, order: nothing }, page)).entries
            .length > 0,
        );
      }
    });

    it('is read before the call returns: what is done to it later does not count', async () => {
      const item = structuredClone(given);
      const making = session.items.create(item);
      item.label = 'changed';
      item.slots.licence_plate = 'changed';
      const made = await making;
      assert.deepEqual([made.label, made.value('licence_plate')], ['Car', 'OUTATIME']);
    });
  });

  it('is not changed', async () => {
    const expiresAt = new Date('2090-01-02T03:04:05Z');
    const car = await makeItem();
    const share = Object.freeze({ itemId: car.id, connectionId: connection.id, expiresAt });
    await session.shares.create(share);
    assert.equal(share.expiresAt, expiresAt);
    const salt = new Uint8Array(16).fill(7);
    await SymmetricKey.fromPassphrase(passphrase, salt, 20_000);
    assert.deepEqual(salt, new Uint8Array(16).fill(7));
  });

  it('that is called reports progress, and what it throws is ignored', async () => {
    const phases = [];
    await session.items.getMany([(await makeItem()).id], {
      onProgress: (progress) => {
        phases.push(progress);
        throw new Error('ignored');
      },
    });
    assert.ok(phases.length > 0);
    for (const progress of phases) {
      assert.deepEqual(Object.keys(progress).sort(), ['done', 'phase', 'total']);
      assert.deepEqual(
        [typeof progress.phase, typeof progress.done, typeof progress.total],
        ['string', 'number', 'number'],
      );
    }
  });

  it('that is a number has to be whole and within bounds', async () => {
    const make = (options) => () => world.makeClient(options);
    for (const wrong of [NaN, Infinity, -1, 1.5, '5', 5n, true, [], {}, 2 ** 53]) {
      const refusal = { name: 'VaultError', code: 'INVALID_ARGUMENT' };
      for (const name of ['timeoutMs', 'retries'])
        assert.throws(make({ [name]: wrong }), { ...refusal, message: new RegExp(name) }, `${name}: ${String(wrong)}`);
      await assert.rejects(session.items.list({}, { perPage: wrong }), refusal, `perPage: ${String(wrong)}`);
      await assert.rejects(session.tasks.run({ limit: wrong }), refusal, `limit: ${String(wrong)}`);
      await assert.rejects(async () => KeyPair.generate(wrong), refusal, `bits: ${String(wrong)}`);
      await assert.rejects(
        async () => SymmetricKey.fromPassphrase(passphrase, new Uint8Array(16), wrong),
        refusal,
        `iterations: ${String(wrong)}`,
      );
    }
    for (const none of [0, -0]) {
      await assert.rejects(session.items.list({}, { perPage: none }), { code: 'INVALID_ARGUMENT' });
      await assert.rejects(session.tasks.run({ limit: none }), { code: 'INVALID_ARGUMENT' });
      make({ retries: none })();
    }
  });
});
