/** Key pairs that a session makes ahead of need: when, when not, and what that is good for. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openBench } from './support/bench.mjs';

/** Well beyond the second that a session waits before it prepares anything. */
const longEnough = 4_000;

/** Counts the key pairs that the page begins and finishes, and lets a test hide the page. */
function watchKeyPairs(page) {
  return page.addInitScript(() => {
    globalThis.keyPairs = { begun: 0, made: 0 };
    const { generateKey } = SubtleCrypto.prototype;
    SubtleCrypto.prototype.generateKey = async function (...given) {
      globalThis.keyPairs.begun += 1;
      const pair = await generateKey.apply(this, given);
      globalThis.keyPairs.made += 1;
      return pair;
    };
    let state = 'visible';
    Object.defineProperty(Document.prototype, 'visibilityState', { get: () => state });
    globalThis.turnPage = (to) => {
      state = to;
      document.dispatchEvent(new Event('visibilitychange'));
    };
  });
}

describe('a session’s next key pair', () => {
  let bench;

  beforeEach(async () => {
    bench = await openBench({ record: true, before: watchKeyPairs });
  });
  afterEach(() => bench?.close());

  const signUp = (options = {}) =>
    bench.page.evaluate(async (given) => {
      const client = new globalThis.vaultshare.VaultClient({ ...globalThis.services, ...given });
      globalThis.session = await client.createUser('passphrase');
    }, options);
  const untilMade = (count) => bench.page.waitForFunction((wanted) => globalThis.keyPairs.made === wanted, count);
  const begun = () => bench.page.evaluate(() => globalThis.keyPairs.begun);
  const aWhile = () =>
    new Promise((resolve) => {
      setTimeout(resolve, longEnough);
    });

  it('is made ahead of need, so that inviting makes none', async () => {
    await signUp();
    await untilMade(2);
    const token = await bench.page.evaluate(async () => {
      SubtleCrypto.prototype.generateKey = () => Promise.reject(new Error('none may be made'));
      return (await globalThis.session.invitations.create({ name: 'Bob' })).token;
    });
    assert.ok(token);
  });

  it('is one at a time: the next is made once it was used', async () => {
    await signUp();
    await untilMade(2);
    await aWhile();
    assert.equal(await begun(), 2);
    await bench.page.evaluate(() => globalThis.session.invitations.create({ name: 'Bob' }));
    await untilMade(3);
    await aWhile();
    assert.equal(await begun(), 3);
  });

  it('is another one each time, also where three are asked for at once', async () => {
    await signUp();
    await untilMade(2);
    await bench.page.evaluate(() =>
      Promise.all(['Bob', 'Carlos', 'Dave'].map((name) => globalThis.session.invitations.create({ name }))),
    );
    const stored = bench.exchanges.filter(({ method, path }) => method === 'POST' && path === '/keystore/keypairs');
    const publicKeys = stored.map(({ requestBody }) => JSON.parse(requestBody).public_key);
    assert.equal(publicKeys.length, 4, 'one to sign in with, and one for each invitation');
    assert.equal(new Set(publicKeys).size, 4);
  });

  it('is not made in a hidden page, but once that is shown again', async () => {
    await bench.page.evaluate(() => globalThis.turnPage('hidden'));
    await signUp();
    await aWhile();
    assert.equal(await begun(), 1);
    await bench.page.evaluate(() => globalThis.turnPage('visible'));
    await untilMade(2);
  });

  it('is not made after the session was closed', async () => {
    await signUp();
    await bench.page.evaluate(() => globalThis.session.close());
    await aWhile();
    assert.equal(await begun(), 1);
  });

  it('is not made where it is not wanted', async () => {
    await signUp({ prepareKeyPairs: false });
    await aWhile();
    assert.equal(await begun(), 1);
    await bench.page.evaluate(() => globalThis.session.invitations.create({ name: 'Bob' }));
    assert.equal(await begun(), 2);
  });
});
