/** In tests that have replaced the platform's timers by ones that stand still, as Jest and Vitest do on demand. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openInNode, passphrase, vaultshare } from './support/in-node.mjs';

const { clearTimeout, setTimeout } = globalThis;

/** What a call comes to while these functions of the platform do nothing. */
async function whileStill(names, call) {
  const real = Object.fromEntries(names.map((name) => [name, globalThis[name]]));
  for (const name of names) globalThis[name] = () => {};
  let timer;
  const never = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('it never ends')), 30_000);
  });
  try {
    return await Promise.race([call(), never]);
  } finally {
    clearTimeout(timer);
    Object.assign(globalThis, real);
  }
}

describe('where the timers stand still', () => {
  let world;
  before(async () => {
    world = await openInNode();
  });
  after(() => world?.close());

  it('a text is encrypted, and the next one, too', async () => {
    const key = vaultshare.SymmetricKey.generate();
    const encrypt = () => key.encryptString('a text');
    const envelope = await whileStill(['queueMicrotask', 'setImmediate', 'setTimeout'], encrypt);
    assert.equal(await key.decryptString(envelope), 'a text');
    key.free();
  });

  it('many items are read', async () => {
    const session = await world.makeClient().createUser(passphrase);
    const ids = [];
    for (let at = 0; at < 30; at += 1) {
      ids.push((await session.items.create({ template: 'vehicle', label: 'x', slots: { vin: `${at}` } })).id);
    }
    const read = await whileStill(['setImmediate'], () => session.items.getMany(ids));
    assert.equal(read.filter(({ item }) => item).length, ids.length);
    session.close();
  });
});
