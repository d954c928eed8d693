/** A session and what it hands out as JavaScript objects: stable parts, plain data, and what closing does to them. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openInNode, outcomeOf, passphrase, vaultshare } from './support/in-node.mjs';
import { callMethod, callsOf, localMethods, makeAttachment, makeKeys, networkMethods } from './support/methods.mjs';

const parts = [
  'templates',
  'items',
  'invitations',
  'connections',
  'shares',
  'tasks',
  'classifications',
  'encryptionSpaces',
];

describe('a session', () => {
  let world;
  let session;
  let item;

  before(async () => {
    world = await openInNode();
    world.client = world.makeClient();
    session = await world.client.createUser(passphrase);
    item = await session.items.create({ template: 'vehicle', label: 'Car', slots: { licence_plate: 'OUTATIME' } });
  });
  after(async () => {
    session?.close();
    await world?.close();
  });

  it('has the same parts whenever it is asked', () => {
    for (const part of parts) {
      assert.equal(session[part], session[part], part);
      assert.equal(typeof session[part], 'object', part);
    }
    assert.equal(new Set(parts.map((part) => session[part])).size, parts.length);
  });

  it('has methods that can be had once and called often', async () => {
    const { items } = session;
    for (let count = 0; count < 3; count += 1)
      assert.equal((await items.get(item.id)).value('licence_plate'), 'OUTATIME');
    assert.equal(items.get, session.items.get);
  });

  it('cannot be given other parts, another secret or another user', () => {
    for (const name of [...parts, 'secret', 'userId']) {
      const before = session[name];
      assert.throws(
        () => {
          session[name] = 'another';
        },
        TypeError,
        name,
      );
      assert.equal(session[name], before, name);
    }
  });

  it('is an instance of its class, and its client of its', () => {
    assert.ok(session instanceof vaultshare.Session);
    assert.ok(world.client instanceof vaultshare.VaultClient);
    assert.equal(vaultshare.Session.name, 'Session');
    assert.equal(session.constructor, vaultshare.Session);
  });

  it('does not tell its secret where it is printed or copied', () => {
    assert.ok(!JSON.stringify(session).includes(session.secret));
    assert.ok(!String(session).includes(session.secret));
    assert.ok(!Object.values({ ...session }).includes(session.secret));
  });

  describe('gives items that', () => {
    const names = [
      'birth',
      'changed',
      'classifications',
      'createdAt',
      'id',
      'label',
      'name',
      'own',
      'ownerId',
      'revision',
      'slotIds',
      'slots',
      'templateId',
      'templateLabel',
      'updatedAt',
      'version',
    ];
    const sources = {
      'items.create': async () => item,
      'items.get': () => session.items.get(item.id),
      'items.getMany': async () => (await session.items.getMany([item.id]))[0].item,
      'items.update': async () => (await session.items.update(item.id, {})).item,
    };
    for (const [method, source] of Object.entries(sources)) {
      it(`are plain data with a method that is not part of it (${method})`, async () => {
        const given = await source();
        const enumerated = [];
        for (const key in given) enumerated.push(key);
        assert.deepEqual(enumerated.sort(), names);
        assert.deepEqual(Object.keys(given).sort(), names);
        assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(given))).sort(), names);
        assert.deepEqual(Object.keys({ ...given }).sort(), names);
        assert.equal('value' in { ...given }, false);
        assert.equal(given.value('licence_plate'), 'OUTATIME');
        assert.equal(given.value('model_make'), null);
        assert.equal(given.value('no_such_slot'), undefined);
        assert.equal(given.value('constructor'), undefined);
        assert.equal(given.value(), undefined);
      });

      it(`can be cloned, which leaves their data (${method})`, async () => {
        const given = await source();
        const clone = structuredClone(given);
        assert.deepEqual(clone, JSON.parse(JSON.stringify(given)));
        assert.equal(clone.value, undefined);
        assert.equal(Object.getPrototypeOf(clone), Object.prototype);
      });
    }

    it('can be changed, which value() then tells, and changes nothing else', async () => {
      const given = await session.items.get(item.id);
      given.slots.find((slot) => slot.name === 'licence_plate').value = 'changed';
      assert.equal(given.value('licence_plate'), 'changed');
      assert.equal((await session.items.get(item.id)).value('licence_plate'), 'OUTATIME');
    });

    it('hold plain objects and arrays only', async () => {
      const visit = (value, place) => {
        if (typeof value !== 'object' || value === null) return;
        const expected = Array.isArray(value) ? Array.prototype : Object.prototype;
        if (place !== 'the item') assert.equal(Object.getPrototypeOf(value), expected, place);
        for (const [key, inner] of Object.entries(value)) visit(inner, `${place}.${key}`);
      };
      visit(await session.items.get(item.id), 'the item');
      visit(await session.items.list({}, { perPage: 1 }), 'the list');
      visit(await session.templates.list(), 'the templates');
      visit(await session.tasks.count(), 'the count');
    });
  });

  it('gives undefined where there is nothing to tell', async () => {
    const spare = await session.items.create({ template: 'vehicle', label: 'Spare' });
    assert.equal(await session.items.removeSlot(spare.slots[0].id), undefined);
    assert.equal(await session.items.delete(spare.id), undefined);
    assert.equal(await session.endOtherSessions(), undefined);
  });

  it('gives whole numbers as numbers', async () => {
    const { todo, inProgress } = await session.tasks.count();
    assert.deepEqual([todo, inProgress], [0, 0]);
  });

  it('gives promises of this realm', () => {
    const promises = [
      session.items.list(),
      session.tasks.count(),
      world.client.newSecret(),
      vaultshare.KeyPair.import('x'),
    ];
    for (const promise of promises) {
      assert.ok(promise instanceof Promise);
      promise.catch(() => {});
    }
  });

  describe('that is closed', () => {
    const open = () => world.client.signIn(session.secret, passphrase);

    it('may be closed again, and disposed of', async () => {
      const other = await open();
      assert.equal(other.close(), undefined);
      other.close();
      other[Symbol.dispose]();
      const disposed = await open();
      assert.equal(disposed[Symbol.dispose](), undefined);
      disposed.close();
      await assert.rejects(disposed.items.list(), { name: 'VaultError', code: 'SESSION_CLOSED' });
    });

    it('refuses every method, and its secret, and still tells whose it was', async () => {
      const other = await open();
      const { userId } = other;
      const keys = { ...(await makeKeys()), attachment: await makeAttachment(other) };
      other.close();
      const sent = world.requests.length;
      for (const method of [...networkMethods, ...localMethods].filter((name) => !name.startsWith('VaultClient'))) {
        const closed = { ...world, session: other, ...keys };
        for (const values of callsOf(method, closed)) {
          const { error, thrown } = await outcomeOf(() => callMethod(closed, method, values));
          assert.equal(error?.code, 'SESSION_CLOSED', `${method}: ${String(error)}`);
          assert.ok(vaultshare.isVaultError(error) && !thrown, method);
        }
      }
      assert.equal(world.requests.length, sent);
      assert.throws(() => other.secret, { name: 'VaultError', code: 'SESSION_CLOSED' });
      assert.equal(other.userId, userId);
      for (const part of parts) assert.equal(other[part], other[part]);
    });

    it('ends what is under way with SESSION_CLOSED, in every method and at once, except signing out', async () => {
      const send = world.fetch;
      for (const method of networkMethods.filter(
        (name) => !name.startsWith('VaultClient') && name !== 'Session#signOut',
      )) {
        const other = await open();
        const attachment = method.startsWith('Attachment') ? await makeAttachment(other) : undefined;
        const asked = new Promise((resolve) => {
          world.fetch = () => {
            resolve();
            return new Promise(() => {});
          };
        });
        const closing = { ...world, session: other, attachment };
        const pending = outcomeOf(() => callMethod(closing, method, callsOf(method, closing)[0]));
        await Promise.race([asked, pending]);
        other.close();
        const { error } = await pending;
        world.fetch = send;
        assert.equal(error?.code, 'SESSION_CLOSED', `${method}: ${String(error)}`);
        assert.ok(vaultshare.isVaultError(error), method);
      }
    });

    it('by signOut() refuses as well', async () => {
      const other = await open();
      assert.equal(await other.signOut(), undefined);
      await assert.rejects(other.items.list(), { name: 'VaultError', code: 'SESSION_CLOSED' });
      await assert.rejects(other.signOut(), { name: 'VaultError', code: 'SESSION_CLOSED' });
    });

    it('lets a signOut() that is under way end', async () => {
      const other = await open();
      const send = world.fetch;
      const sent = world.requests.length + 2;
      const asked = new Promise((resolve) => {
        world.fetch = (request) => {
          if (world.requests.length === sent) resolve();
          return send(request);
        };
      });
      const signingOut = other.signOut();
      await asked;
      other.close();
      world.fetch = send;
      assert.equal(await signingOut, undefined);
    });

    it('leaves others open', async () => {
      const other = await open();
      other.close();
      assert.equal((await session.items.get(item.id)).value('licence_plate'), 'OUTATIME');
    });
  });
});
