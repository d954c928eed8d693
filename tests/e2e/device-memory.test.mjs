/** What a browser, or an app's own store, remembers from one session to the next. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBench } from './support/bench.mjs';
import { openInNode, passphrase } from './support/in-node.mjs';

describe('the memory of a browser', () => {
  let bench;
  let secret;
  let since;
  /** Two items as they were at first, each with its path. */
  let old;

  before(async () => {
    bench = await openBench();
    ({ secret, since, old } = await bench.page.evaluate(async (passphrase) => {
      const old = [];
      const keeping = async (request) => {
        const response = await fetch(request);
        const { pathname } = new URL(request.url);
        if (request.method === 'GET' && /\/items\/[^/]+$/.test(pathname)) {
          old.push({ pathname, text: await response.clone().text() });
        }
        return response;
      };
      const client = new globalThis.vaultshare.VaultClient({ ...globalThis.services, fetch: keeping });
      const session = await client.createUser(passphrase);
      const { secret, memorySince: since } = session;
      for (const label of ['one', 'another']) {
        const { id } = await session.items.create({ template: 'vehicle', label, slots: { vin: 'old' } });
        await session.items.get(id);
      }
      const first = [...new Map(old.map((reply) => [reply.pathname, reply])).values()];
      await session.signOut();
      return { secret, since, old: first };
    }, passphrase));
  });
  after(() => bench?.close());

  /** Signs in on a page, and updates the item of this path. */
  const updateOn = (page, pathname) =>
    page.evaluate(
      async ({ secret, passphrase, pathname }) => {
        const client = new globalThis.vaultshare.VaultClient(globalThis.services);
        const session = await client.signIn(secret, passphrase);
        globalThis.session = session;
        await session.items.update(pathname.split('/').at(-1), { slots: { vin: 'new' } });
        return session.memorySince;
      },
      { secret, passphrase, pathname },
    );

  /** What a new session reads, and since when it remembers, where the server shows both items as they were. */
  const readOld = (page, options = {}) =>
    page.evaluate(
      async ({ secret, passphrase, old, options }) => {
        const lying = async (request) => {
          const shown =
            request.method === 'GET' && old.find((reply) => new URL(request.url).pathname === reply.pathname);
          return shown ? new Response(shown.text, { headers: { 'content-type': 'application/json' } }) : fetch(request);
        };
        const client = new globalThis.vaultshare.VaultClient({ ...globalThis.services, fetch: lying, ...options });
        const session = await client.signIn(secret, passphrase);
        const read = ({ pathname }) =>
          session.items.get(pathname.split('/').at(-1)).then(
            (item) => item.value('vin'),
            (error) => error.code,
          );
        const outcome = [await read(old[0]), await read(old[1]), session.memorySince];
        await session.signOut();
        return outcome;
      },
      { secret, passphrase, old, options },
    );

  it('is shared by two pages, and outlives them', async () => {
    const pages = [await bench.openPage(), await bench.openPage()];
    assert.deepEqual(await Promise.all(pages.map((page, at) => updateOn(page, old[at].pathname))), [since, since]);
    for (const page of pages) {
      await page.evaluate(() => globalThis.session.signOut());
      await page.close();
    }
    const page = await bench.openPage();
    assert.deepEqual(await readOld(page), ['ROLLED_BACK', 'ROLLED_BACK', since]);
    await page.close();
  });

  it('is written a moment after something was learnt, without waiting for the end', async () => {
    const page = await bench.openPage();
    await updateOn(page, old[0].pathname);
    const length = () =>
      page.evaluate(
        () =>
          new Promise((resolve, reject) => {
            const opened = indexedDB.open('vaultshare-memory', 1);
            opened.onerror = () => reject(opened.error);
            opened.onsuccess = () => {
              const all = opened.result.transaction('vaultshare-memory').objectStore('vaultshare-memory').getAll();
              all.onsuccess = () => {
                opened.result.close();
                resolve(all.result.map((text) => text.length));
              };
            };
          }),
      );
    const before = await length();
    assert.equal(before.length, 1, 'one record for the one user');
    await page.evaluate(async () => {
      const { items } = globalThis.session;
      for (let at = 0; at < 5; at += 1) await items.create({ template: 'vehicle', label: 'x', slots: { vin: 'x' } });
    });
    // Longer than any machine takes for one write.
    const patience = Date.now() + 30_000;
    while ((await length())[0] <= before[0] && Date.now() < patience)
      await new Promise((next) => setTimeout(next, 100));
    assert.ok((await length())[0] > before[0]);
    await page.close();
  });

  it('is not used by who wants none, and its absence is no alarm', async () => {
    const [one, another, without] = await readOld(bench.page, { memory: false });
    assert.deepEqual([one, another], ['old', 'old']);
    assert.ok(without > since, 'it remembers since it began');
    await bench.page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const deleted = indexedDB.deleteDatabase('vaultshare-memory');
          deleted.onsuccess = resolve;
          deleted.onerror = () => reject(deleted.error);
        }),
    );
    const [oneOfNew, anotherOfNew, sinceNow] = await readOld(bench.page);
    assert.deepEqual([oneOfNew, anotherOfNew], ['old', 'old']);
    assert.ok(sinceNow > since);
    assert.deepEqual(bench.trouble, []);
  });
});

describe('the memory in a store of the app’s own', () => {
  let world;
  let texts;
  let secret;
  const store = {
    async update(name, merge) {
      texts.set(name, await merge(texts.get(name)));
    },
  };

  before(async () => {
    world = await openInNode();
    texts = new Map();
    const session = await world.makeClient({ memory: store }).createUser(passphrase);
    ({ secret } = session);
    await session.signOut();
  });
  after(() => world?.close());

  const signIn = (memory, fetch) => world.makeClient({ memory, ...(fetch && { fetch }) }).signIn(secret, passphrase);

  /** What is sent, with this change of the JSON that the server answers to requests for this path. */
  const lying = (path, change) => async (request) => {
    const response = await fetch(request);
    if (!new URL(request.url).pathname.endsWith(path)) return response;
    const reply = await response.json();
    change(reply);
    return Response.json(reply, { status: response.status });
  };

  it('is one text for a user', async () => {
    const [[name, text], ...others] = [...texts];
    assert.deepEqual(others, []);
    assert.match(name, /^[0-9a-f]{64}$/);
    assert.match(text, /^Aes256Gcm\./);
    const session = await signIn(store);
    assert.deepEqual([...texts.keys()], [name]);
    assert.ok(!name.includes(session.userId) && !secret.includes(name));
    await session.signOut();
  });

  it('notices a Keystore that proved itself before and does not any more', async () => {
    const unproven = lying('/srp/session', (reply) => delete reply.session.srp_m2);
    await assert.rejects(signIn(store, unproven), { name: 'VaultError', code: 'SERVER_NOT_PROVEN' });
    const session = await signIn(undefined, unproven);
    await session.signOut();
  });

  it('notices a Vault that names another user', async () => {
    const other = lying('/me', (reply) => {
      reply.user.id = `${'0'.repeat(8)}${reply.user.id.slice(8)}`;
    });
    await assert.rejects(signIn(store, other), { name: 'VaultError', code: 'MISPLACED' });
  });

  it('is not what a session fails for, nor waits for', async () => {
    const failing = [
      () => new Promise(() => {}),
      () => Object.defineProperty(Promise.resolve(), 'constructor', { get: () => failing.absent.update }),
      () => {
        throw new Error('no room');
      },
      () => Promise.reject(new Error('no room')),
      () => undefined,
      async (_, merge) => {
        await merge();
        throw new Error('no room');
      },
      async (_, merge) => {
        await merge(null);
        await merge(undefined);
      },
    ];
    for (const update of failing) {
      const session = await signIn({ update });
      assert.equal((await session.items.list()).entries.length, 0);
      assert.ok(session.memorySince <= new Date().toISOString());
      await session.signOut();
    }
  });

  it('has a store that can be updated', () => {
    for (const memory of [true, 1, 'here', {}, { update: 1 }, []]) {
      assert.throws(() => world.makeClient({ memory }), {
        name: 'VaultError',
        code: 'INVALID_ARGUMENT',
        message: /`memory(\.update)?`/,
      });
    }
  });
});
