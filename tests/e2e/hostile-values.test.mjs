/** Values that fail, change or lie while they are read: from the page that calls, its `fetch`, or the server behind it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openInNode, passphrase } from './support/in-node.mjs';

describe('a value that is not what it seems', () => {
  let world;
  let session;

  before(async () => {
    world = await openInNode();
    session = await world.makeClient().createUser(passphrase);
  });
  after(async () => {
    session?.close();
    await world?.close();
  });

  it('because its getter is inherited is not read, however often it throws', async () => {
    class ViewModel {
      template = 'vehicle';
      get label() {
        throw new Error('not yet');
      }
    }
    // More than the module's stack could take, if each left a frame on it.
    for (let call = 0; call < 3000; call += 1) {
      await assert.rejects(session.items.create(new ViewModel()), { code: 'INVALID_ARGUMENT' });
    }
    assert.deepEqual((await session.items.list()).entries, []);
  });

  it('because it changes when it is read again is read once', async () => {
    let reads = 0;
    const item = { template: 'vehicle', slots: {} };
    Object.defineProperty(item, 'label', {
      get() {
        reads += 1;
        if (reads > 1) throw new Error('read twice');
        return 'Car';
      },
      enumerable: true,
    });
    assert.equal((await session.items.create(item)).label, 'Car');
  });

  it('because it refers to itself in many ways is refused before long', async () => {
    let tangle = {};
    for (let level = 0; level < 12; level += 1) {
      tangle = Object.fromEntries([...'abcdefgh'].map((name) => [name, tangle]));
    }
    await assert.rejects(session.items.create({ template: 'vehicle', label: 'x', tangle }), {
      code: 'INVALID_ARGUMENT',
    });
  });

  it('may be an item that was given out before: its slots are written as they are', async () => {
    const item = await session.items.create({ template: 'vehicle', label: 'Car', slots: { vin: '1G1' } });
    const updated = await session.items.update(item.id, item);
    assert.equal(updated.item.value('vin'), '1G1');
  });

  it('may be a time limit that no timer takes', async () => {
    for (const timeoutMs of [2 ** 31, 2 ** 32 - 1]) {
      assert.ok(await world.makeClient({ timeoutMs }).newSecret());
    }
  });

  it('is no signal because it has the name of one', async () => {
    const signals = [{ [Symbol.toStringTag]: 'AbortSignal', aborted: false }, { __proto__: AbortSignal.prototype }];
    for (const signal of signals) {
      await assert.rejects(session.items.list({}, { signal }), { code: 'INVALID_ARGUMENT' });
    }
  });

  const reply = { status: 200, headers: new Headers() };
  const chunk = (value) => ({ read: async () => ({ done: false, value }), cancel: async () => {} });
  const bodies = {
    'whose reader is null': { getReader: () => null },
    'that gives no reader': {
      getReader: () => {
        throw new Error('locked');
      },
    },
    'that throws when it is read': {
      getReader: () => ({
        read: () => {
          throw new Error('broken');
        },
      }),
    },
    'that gives nothing when it is read': { getReader: () => ({ read: async () => undefined }) },
    'of text': { getReader: () => chunk('text') },
  };
  for (const [label, body] of Object.entries(bodies)) {
    it(`is no reply with a body ${label}: the call fails, and the next one works`, async () => {
      const client = world.makeClient({ fetch: async () => ({ ...reply, body }) });
      await assert.rejects(client.newSecret(), { name: 'VaultError', code: 'NETWORK' });
      assert.ok(await world.makeClient().newSecret());
    });
  }

  it('in a reply that lists far too much is a bad response, at once', async () => {
    const { id } = await session.items.create({ template: 'vehicle', label: 'Car' });
    const usual = world.fetch;
    world.fetch = async (request) => {
      const answer = await (await usual(request)).json();
      answer.item.slot_ids = Array.from({ length: 20_001 }, (_, index) => `slot-${index}`);
      return Response.json(answer);
    };
    try {
      await assert.rejects(session.items.get(id), { code: 'BAD_RESPONSE' });
    } finally {
      world.fetch = usual;
    }
  });
});
