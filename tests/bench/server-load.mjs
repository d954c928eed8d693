/**
 * What the server bears: how many share reads a second at 64 connections and how long each takes, and what the first and
 * the last page of a long list take. Of the server alone: nothing is decrypted here.
 *
 *     node tests/bench/server-load.mjs --url URL --package FOLDER --out FILE [--seconds N] [--items N]
 *
 * The server at the URL is a release build on fresh data. Prints what was measured and writes it to `--out` as JSON: a
 * report, which bounds are held against elsewhere. A request that fails is counted in it; a scene that cannot be set is an
 * error.
 */
import { writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';

const CONNECTIONS = 64;
/** Requests a second: what the server must sustain. */
const REQUIRED = 500;
const WARM_UP = 3;
const SLOTS = 10;
const PER_PAGE = 200;
/** How often each page is read. */
const READS = 41;
/** How many items are made at a time. */
const AT_ONCE = 16;
/** The form of an encrypted value; the server cannot tell what is in it. */
const SEALED = 'Aes256Gcm.c2VhbGVk.QUFBQQ==';

const { values: options } = parseArgs({
  options: {
    url: { type: 'string' },
    package: { type: 'string' },
    out: { type: 'string' },
    seconds: { type: 'string', default: '15' },
    items: { type: 'string', default: '10000' },
  },
});
if (!options.url || !options.package || !options.out) throw new Error('--url, --package and --out are needed');
const vaultUrl = new URL('/vault', options.url).href;
const seconds = Number(options.seconds);

const scene = await makeScene();
const read = { url: `${vaultUrl}/incoming_shares/${scene.shareId}/item`, headers: { authorization: scene.bobsToken } };
await load(read, { seconds: WARM_UP });
const atRequired = await load(read, { seconds, rate: REQUIRED });
const full = await load(read, { seconds });
await makeItems(scene.alicesToken, Number(options.items) - 1);
const report = {
  ...full,
  at_required_rate: { rate: REQUIRED, ...atRequired },
  pages: await timePages(scene.alicesToken),
};
await writeFile(options.out, `${JSON.stringify(report, null, 2)}\n`);
console.log(JSON.stringify(report, null, 2));

/** Alice shares an item of ten slots with Bob, and Bob accepts it: as people do, through the package. */
async function makeScene() {
  const { default: init, VaultClient } = await import(new URL('node.js', `${pathToFileURL(options.package)}/`));
  await init();
  const alice = await signUp(VaultClient, 'Alice');
  const bob = await signUp(VaultClient, 'Bob');
  const names = Array.from({ length: SLOTS }, (_, slot) => `slot_${slot + 1}`);
  await alice.session.templates.create({
    name: 'ten_slots',
    label: 'Ten slots',
    slots: names.map((label) => ({ label })),
  });
  const slots = Object.fromEntries(names.map((name) => [name, `The value of ${name}, as long as such values are`]));
  const item = await alice.session.items.create({ template: 'ten_slots', label: 'An item', slots });
  const invitation = await alice.session.invitations.create({ name: 'Bob' });
  await bob.session.connections.accept(invitation.token, { name: 'Alice' });
  const [connection] = (await alice.session.connections.list()).entries;
  await alice.session.shares.create({ itemId: item.id, connectionId: connection.id, terms: 'For your eyes only' });
  const [share] = (await bob.session.shares.incoming()).entries;
  await bob.session.shares.accept(share.id);
  const shared = await bob.session.shares.get(share.id);
  if (shared.item.value('slot_1') !== slots.slot_1) throw new Error('Bob does not read what Alice wrote');
  return { shareId: share.id, alicesToken: alice.token(), bobsToken: bob.token() };
}

/** A new user, and a way to ask which token the Vault gave them: the requests are seen on their way. */
async function signUp(VaultClient, name) {
  let token;
  const client = new VaultClient({
    vaultUrl,
    keystoreUrl: new URL('/keystore', options.url).href,
    fetch: (request) => {
      if (request.url.startsWith(vaultUrl)) token = request.headers.get('authorization') ?? token;
      return fetch(request);
    },
  });
  return { session: await client.createUser(`${name}'s passphrase`), token: () => token };
}

/** As many requests as there are answers, or `rate` a second and no more. A late answer counts from when it was due. */
async function load(request, { seconds: duration, rate }) {
  const result = await autocannon({ ...request, connections: CONNECTIONS, duration, overallRate: rate });
  return {
    requests_per_second: result.requests.average,
    p50_ms: result.latency.p50,
    p99_ms: result.latency.p99,
    connections: CONNECTIONS,
    seconds: result.duration,
    errors: result.errors + result.non2xx,
  };
}

async function makeItems(token, count) {
  let made = 0;
  const makeSome = async () => {
    while (made < count) {
      made += 1;
      const item = { label: `Item ${made}`, slots_attributes: [{ name: 'slot_1', encrypted_value: SEALED }] };
      await call(token, '/items', { template_name: 'ten_slots', skip_empty_template_slots: true, item });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, makeSome));
}

/** The median times of the first and of the last page of the list, read in turn. */
async function timePages(token) {
  const cursors = [''];
  for (let next = await pageBehind(''); next; next = await pageBehind(next)) cursors.push(next);
  const times = { first: [], last: [] };
  for (let turn = 0; turn < READS; turn += 1) {
    times.first.push(await timed(() => pageBehind(cursors[0])));
    times.last.push(await timed(() => pageBehind(cursors.at(-1))));
  }
  return {
    items: Number(options.items),
    per_page: PER_PAGE,
    pages: cursors.length,
    first_ms: median(times.first),
    last_ms: median(times.last),
  };

  async function pageBehind(cursor) {
    const reply = await call(token, `/items?per_page=${PER_PAGE}${cursor && `&next_page_after=${cursor}`}`);
    return reply.next_page_after;
  }
}

async function call(token, path, body) {
  const headers = { authorization: token, ...(body && { 'content-type': 'application/json' }) };
  const reply = await fetch(`${vaultUrl}${path}`, {
    method: body ? 'POST' : 'GET',
    headers,
    body: body && JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(`${path} was answered ${reply.status}: ${await reply.text()}`);
  return reply.json();
}

async function timed(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function median(times) {
  return Number(times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)].toFixed(2));
}
