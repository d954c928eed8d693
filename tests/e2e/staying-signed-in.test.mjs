/** A user who stays signed in over a reload, and whoever has a copy of their browser afterwards. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, beforeEach, describe, it } from 'node:test';
import { openBench } from './support/bench.mjs';
import { openInNode, passphrase, vaultshare } from './support/in-node.mjs';

describe('a session that the browser keeps', () => {
  let bench;
  let secret;

  before(async () => {
    bench = await openBench({ record: true });
    secret = await bench.page.evaluate(async (passphrase) => {
      const client = new globalThis.vaultshare.VaultClient(globalThis.services);
      const session = await client.createUser(passphrase);
      await session.items.create({ template: 'vehicle', label: 'car', slots: { vin: 'the value' } });
      const { secret } = session;
      session.close();
      return secret;
    }, passphrase);
  });
  after(() => bench?.close());
  // What a test has left is not the next one's.
  beforeEach(() => bench.page.evaluate(dropSessions));

  /** Signs in on a page and has the browser keep it; gives until when. */
  const signInAndRemember = (page, { until, name } = {}) =>
    page.evaluate(
      async ({ secret, passphrase, until, name }) => {
        const client = new globalThis.vaultshare.VaultClient(globalThis.services);
        globalThis.session = await client.signIn(secret, passphrase, { until });
        return globalThis.session.remember({ until, name });
      },
      { secret, passphrase, until, name },
    );

  /** What a page that was just loaded reads by the session that it resumes; undefined where there is none. */
  const resumed = async (options) => {
    const page = await bench.openPage();
    const read = await page.evaluate(async (options) => {
      const client = new globalThis.vaultshare.VaultClient(globalThis.services);
      try {
        const session = await client.resume(options);
        if (session === undefined) return undefined;
        const { entries } = await session.items.list();
        return (await session.items.get(entries[0].id)).value('vin');
      } catch (error) {
        return error.code;
      }
    }, options);
    await page.close();
    return read;
  };

  it('is resumed by a page that is loaded later, without passphrase or secret', async () => {
    const inTwoWeeks = new Date(Date.now() + 14 * 24 * 60 * 60 * 1000).toISOString();
    assert.equal(await signInAndRemember(bench.page, { until: inTwoWeeks }), inTwoWeeks);
    assert.equal(await resumed(), 'the value');
    const page = await bench.openPage();
    const outcome = await page.evaluate(async () => {
      const client = new globalThis.vaultshare.VaultClient(globalThis.services);
      const session = await client.resume();
      const { id } = await session.items.create({ template: 'vehicle', label: 'another', slots: { vin: 'x' } });
      await session.items.delete(id);
      try {
        return session.secret;
      } catch (error) {
        return error.code;
      }
    });
    assert.equal(outcome, 'NOT_FOUND');
    await page.close();
    assert.deepEqual(bench.trouble, []);
  });

  it('is kept and resumed by what the README shows', async () => {
    const text = await readFile(new URL('../../pkg-template/README.md', import.meta.url), 'utf8');
    const [, snippet] = /## Staying signed in\n[\s\S]*?```js\n([\s\S]*?)```/.exec(text);
    const values = JSON.stringify({ secret, passphrase });
    const run = () =>
      bench.page.evaluate(`(async ({ secret, passphrase }) => {
        const client = new globalThis.vaultshare.VaultClient(globalThis.services);
        const staySignedIn = true;
        ${snippet}
        globalThis.session = session;
      })(${values})`);
    bench.exchanges.length = 0;
    const signIns = () => bench.exchanges.filter(({ path }) => path.endsWith('/srp/session')).length;
    await run();
    assert.equal(signIns(), 1);
    await run();
    assert.equal(signIns(), 1, 'the second time it is resumed');
    await bench.page.evaluate(() => globalThis.session.signOut());
  });

  it('is kept under a key that nobody exports, and holds neither tokens nor keys in the clear', async () => {
    bench.exchanges.length = 0;
    await signInAndRemember(bench.page);
    const kept = await bench.page.evaluate(async () => {
      const opened = await new Promise((resolve, reject) => {
        const request = indexedDB.open('vaultshare-sessions', 1);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      const [record] = await new Promise((resolve) => {
        const all = opened.transaction('vaultshare-sessions').objectStore('vaultshare-sessions').getAll();
        all.onsuccess = () => resolve(all.result);
      });
      opened.close();
      const { key, ...texts } = record;
      const exported = await crypto.subtle.exportKey('raw', key).then(
        () => 'exported',
        (error) => error.name,
      );
      return { extractable: key.extractable, exported, texts };
    });
    assert.deepEqual([kept.extractable, kept.exported], [false, 'InvalidAccessError']);
    assert.deepEqual(Object.keys(kept.texts).sort(), ['keys', 'services', 'token', 'user']);
    const tokens = bench.exchanges.flatMap(({ responseBody }) =>
      [...responseBody.toString().matchAll(/"session_authentication_string":\s*"([^"]+)"/g)].map(([, token]) => token),
    );
    assert.ok(tokens.length > 0, 'the Keystore gave a token');
    const text = JSON.stringify(kept.texts);
    for (const needle of [...tokens, secret, passphrase]) assert.ok(!text.includes(needle));
  });

  it('ends for every page when one signs out, and a copy of the browser opens nothing then', async () => {
    await signInAndRemember(bench.page);
    const other = await bench.openPage();
    await other.evaluate(async () => {
      globalThis.session = await new globalThis.vaultshare.VaultClient(globalThis.services).resume();
    });
    const copy = await bench.page.evaluateHandle(readSessions);
    await other.evaluate(() => globalThis.session.signOut());
    assert.equal(await resumed(), undefined);
    const [left, first] = await bench.page.evaluate(async () => {
      const code = await globalThis.session.items.list().then(
        () => 'listed',
        (error) => error.code,
      );
      return [await indexedDB.databases().then((all) => all.length), code];
    });
    assert.ok(left > 0);
    assert.equal(first, 'UNAUTHORIZED', 'the page that signed in has the same session');
    await bench.page.evaluate(writeSessions, copy);
    assert.equal(await resumed(), undefined, 'with everything that the browser had');
    await other.close();
  });

  it('is ended from another device', async () => {
    await signInAndRemember(bench.page);
    const copy = await bench.page.evaluateHandle(readSessions);
    await vaultshare.default();
    const services = { vaultUrl: `${bench.url}/vault`, keystoreUrl: `${bench.url}/keystore` };
    const device = await new vaultshare.VaultClient(services).signIn(secret, passphrase);
    await device.endOtherSessions();
    await device.signOut();
    assert.equal(await resumed(), undefined);
    await bench.page.evaluate(writeSessions, copy);
    assert.equal(await resumed(), undefined);
  });

  it('has a name where a page has several users, and signing out forgets all of one user', async () => {
    await signInAndRemember(bench.page, { name: 'alice' });
    assert.equal(await resumed(), undefined);
    assert.equal(await resumed({ name: 'alice' }), 'the value');
    await bench.page.evaluate(async (passphrase) => {
      const client = new globalThis.vaultshare.VaultClient(globalThis.services);
      globalThis.bob = await client.createUser(passphrase);
      await globalThis.bob.items.create({ template: 'vehicle', label: 'car', slots: { vin: 'another value' } });
      await globalThis.bob.remember({ name: 'bob' });
    }, passphrase);
    // Of a session that she does not sign out of: what it left is the browser's, and hers.
    await signInAndRemember(bench.page, { name: 'alice again' });
    await bench.page.evaluate(
      async ({ secret, passphrase }) => {
        const client = new globalThis.vaultshare.VaultClient({
          vaultUrl: `${globalThis.services.vaultUrl}/`,
          keystoreUrl: `${globalThis.services.keystoreUrl}/`,
        });
        await (await client.signIn(secret, passphrase)).signOut();
      },
      { secret, passphrase },
    );
    assert.equal(await resumed({ name: 'alice' }), undefined);
    assert.equal(await resumed({ name: 'alice again' }), undefined);
    assert.equal(await resumed({ name: 'bob' }), 'another value');
    await bench.page.evaluate(() => globalThis.bob.signOut());
  });

  it('is ended where another takes its place, so that a copy of before opens nothing', async () => {
    await signInAndRemember(bench.page);
    const copy = await bench.page.evaluateHandle(readSessions);
    await bench.page.evaluate(() => globalThis.session.remember());
    assert.equal(await resumed(), 'the value', 'the same session, kept again');
    await bench.page.evaluate(() => globalThis.session.close());
    await signInAndRemember(bench.page);
    assert.equal(await resumed(), 'the value');
    await bench.page.evaluate(writeSessions, copy);
    assert.equal(await resumed(), undefined);
  });

  it('is forgotten where the browser has lost its key', async () => {
    await signInAndRemember(bench.page);
    const sessions = await bench.page.evaluateHandle(readSessions);
    await bench.page.evaluate((kept) => {
      for (const [, session] of kept) session.key = null;
    }, sessions);
    await bench.page.evaluate(writeSessions, sessions);
    assert.equal(await resumed(), undefined);
    assert.equal(
      await bench.page.evaluate(async (read) => (await read).length, await bench.page.evaluateHandle(readSessions)),
      0,
    );
  });

  it('is not forgotten because the server cannot be reached', async () => {
    await signInAndRemember(bench.page);
    const page = await bench.openPage();
    await bench.stopServer();
    const code = await page.evaluate(() =>
      new globalThis.vaultshare.VaultClient({ ...globalThis.services, retries: 0 }).resume().then(
        () => 'resumed',
        (error) => error.code,
      ),
    );
    assert.ok(['NETWORK', 'SERVER_ERROR'].includes(code), code);
    await bench.restartServer();
    await page.close();
    assert.equal(await resumed(), 'the value');
  });

  it('is forgotten by signing out although the server cannot be reached', async () => {
    await signInAndRemember(bench.page);
    await bench.stopServer();
    const code = await bench.page.evaluate(() =>
      globalThis.session.signOut().then(
        () => 'signed out',
        (error) => error.code,
      ),
    );
    assert.ok(['NETWORK', 'SERVER_ERROR'].includes(code), code);
    await bench.restartServer();
    assert.equal(await resumed(), undefined);
    await bench.page.evaluate(() => globalThis.session.signOut());
  });
});

describe('where there is no place for a session', () => {
  let world;
  before(async () => {
    world = await openInNode();
  });
  after(() => world?.close());

  it('none is resumed, and whoever asks for one to be kept is told', async () => {
    const client = world.makeClient();
    assert.equal(await client.resume(), undefined);
    const session = await client.createUser(passphrase);
    await assert.rejects(session.remember(), { code: 'INTERNAL', message: /IndexedDB/ });
    await assert.rejects(client.signIn(session.secret, passphrase, { until: '2020-01-01T00:00:00Z' }), {
      code: 'INVALID_ARGUMENT',
      message: /until/,
    });
    session.close();
  });
});

// What follows runs in pages, so each function is whole by itself.

function dropSessions() {
  return new Promise((resolve, reject) => {
    const deleted = indexedDB.deleteDatabase('vaultshare-sessions');
    deleted.onsuccess = () => resolve();
    deleted.onerror = () => reject(deleted.error);
  });
}

function readSessions() {
  return new Promise((resolve, reject) => {
    const opened = indexedDB.open('vaultshare-sessions', 1);
    opened.onerror = () => reject(opened.error);
    opened.onsuccess = () => {
      const store = opened.result.transaction('vaultshare-sessions').objectStore('vaultshare-sessions');
      const [names, all] = [store.getAllKeys(), store.getAll()];
      all.onsuccess = () => {
        opened.result.close();
        resolve(names.result.map((name, at) => [name, all.result[at]]));
      };
    };
  });
}

function writeSessions(sessions) {
  return new Promise((resolve, reject) => {
    const opened = indexedDB.open('vaultshare-sessions', 1);
    opened.onupgradeneeded = () => opened.result.createObjectStore('vaultshare-sessions');
    opened.onerror = () => reject(opened.error);
    opened.onsuccess = () => {
      const transaction = opened.result.transaction('vaultshare-sessions', 'readwrite');
      for (const [name, session] of sessions) transaction.objectStore('vaultshare-sessions').put(session, name);
      transaction.oncomplete = () => {
        opened.result.close();
        resolve();
      };
    };
  });
}
