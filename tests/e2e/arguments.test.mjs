/** Wrong arguments: each is an INVALID_ARGUMENT that names what was wrong, sends nothing, and leaves the module working. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { startServer } from './support/server.mjs';

const packageFolder = process.env.VAULTSHARE_PACKAGE || fileURLToPath(new URL('../../pkg', import.meta.url));
const {
  default: init,
  KeyPair,
  PublicKey,
  SymmetricKey,
  VaultClient,
  decryptWithPassphrase,
} = await import(pathToFileURL(join(packageFolder, 'node.js')));

const wrongTexts = [undefined, null, 42, {}, [], Symbol('text')];

describe('a wrong argument', () => {
  let data;
  let server;
  let session;
  let requests = 0;

  before(async () => {
    await init();
    data = await mkdtemp(join(tmpdir(), 'vaultshare-arguments-'));
    server = await startServer({ data, www: data });
    const countingFetch = (request) => {
      requests += 1;
      return fetch(request);
    };
    const client = new VaultClient({
      vaultUrl: `${server.url}/vault`,
      keystoreUrl: `${server.url}/keystore`,
      fetch: countingFetch,
    });
    session = await client.createUser('supersecretpassword');
  });
  after(async () => {
    session?.close();
    await server?.stop();
    await rm(data, { recursive: true, force: true });
  });

  async function refused(call, label) {
    const sent = requests;
    let error;
    try {
      await call();
    } catch (caught) {
      error = caught;
    }
    assert.equal(error?.code, 'INVALID_ARGUMENT', `${label}: ${error}`);
    assert.equal(requests, sent, `${label} sent something`);
  }

  it('in place of an id is refused', async () => {
    const calls = {
      'items.get': (id) => session.items.get(id),
      'items.update': (id) => session.items.update(id, {}),
      'items.adopt': (id) => session.items.adopt(id, 'a version'),
      'items.removeSlot': (id) => session.items.removeSlot(id),
      'items.delete': (id) => session.items.delete(id),
      'items.getMany': (id) => session.items.getMany([id]),
      'invitations.cancel': (id) => session.invitations.cancel(id),
      'connections.get': (id) => session.connections.get(id),
      'connections.inspect': (id) => session.connections.inspect(id),
      'connections.trustNewKey': (id) => session.connections.trustNewKey(id, '0'.repeat(64)),
      'connections.markVerified': (id) => session.connections.markVerified(id, '12345'),
      'connections.delete': (id) => session.connections.delete(id),
      'shares.get': (id) => session.shares.get(id),
      'shares.info': (id) => session.shares.info(id),
      'shares.accept': (id) => session.shares.accept(id),
      'shares.delete': (id) => session.shares.delete(id),
      'shares.refresh': (id) => session.shares.refresh(id),
      'templates.get': (id) => session.templates.get(id),
    };
    for (const [name, call] of Object.entries(calls)) {
      for (const wrong of wrongTexts) await refused(() => call(wrong), `${name}(${typeof wrong})`);
    }
    for (const wrong of ['', '../me', 'a/b', 'a b'])
      await refused(() => session.items.get(wrong), `items.get(${wrong})`);
  });

  it('in place of an object or of one of its fields is refused', async () => {
    await refused(() => session.items.create('vehicle'), 'items.create(string)');
    await refused(() => session.items.create({ template: 'vehicle' }), 'items.create without label');
    await refused(
      () => session.items.create({ template: 'vehicle', label: 'x', slots: { vin: 5 } }),
      'a number as value',
    );
    await refused(() => session.items.create({ template: 'vehicle', label: 'x', slots: ['vin'] }), 'a text as slot');
    await refused(() => session.items.list({ order: 'sideways' }), 'items.list order');
    await refused(() => session.items.list({}, { perPage: 0 }), 'items.list perPage');
    await refused(() => session.items.list({}, { signal: 'stop' }), 'a text as signal');
    await refused(() => session.shares.create({ itemId: 'a' }), 'shares.create without connection');
    await refused(() => session.shares.create({ itemId: 'a', connectionId: 'b', expiresAt: 'tomorrow' }), 'expiresAt');
    await refused(() => session.shares.change({ shareId: 'a', itemId: 'b' }), 'shares.change without connection');
    await refused(() => session.shares.change('a', { onSharing: false }), 'shares.change by the id alone');
    await refused(() => session.shares.refresh('a', { include: 'b' }), 'a text as include');
    await refused(() => session.shares.refresh('a', { include: [{ shareId: 'b' }] }), 'include without fingerprint');
    await refused(() => session.connections.trustNewKey('a'), 'trustNewKey by the id alone');
    await refused(() => session.connections.markVerified('a'), 'markVerified by the id alone');
    await refused(() => session.items.adopt('a'), 'adopt by the id alone');
    await refused(() => session.tasks.list({ states: ['later'] }), 'tasks.list states');
    await refused(() => session.classifications.create({ name: 'x' }), 'classifications.create without scheme');
    await refused(() => session.items.create({ template: 'vehicle', label: 'x', slots: [null] }), 'null as slot');
    await refused(() => session.connections.accept({}, { name: 'Alice' }), 'connections.accept without token');
    await refused(
      () => new VaultClient({ vaultUrl: 'http://vault.example', keystoreUrl: 'https://vault.example' }),
      'plain http',
    );
  });

  it('that JSON would turn into another one, or leave out, is refused', async () => {
    for (const wrong of [NaN, Infinity, 5n, () => {}, Symbol('text'), new Date(), new Uint8Array(3), new Map()]) {
      await refused(() => session.items.update('a', { slots: { vin: wrong } }), `${typeof wrong} as value`);
      await refused(() => session.items.list({}, { perPage: wrong }), `${typeof wrong} as perPage`);
      await refused(() => session.items.list({ name: wrong }), `${typeof wrong} as name`);
      await refused(() => session.tasks.run({ limit: wrong }), `${typeof wrong} as limit`);
    }
    await refused(() => session.items.create({ template: 'vehicle', label: '\ud83e' }), 'half a character');
    const circular = { template: 'vehicle', label: 'x' };
    circular.slots = { circular };
    await refused(() => session.items.create(circular), 'an object within itself');
  });

  it('in place of a text, bytes or a key is refused', async () => {
    const key = SymmetricKey.generate();
    for (const wrong of [undefined, null, 42, {}]) {
      await refused(() => SymmetricKey.import(wrong), 'SymmetricKey.import');
      await refused(() => key.encryptString(wrong), 'encryptString');
      await refused(() => key.encryptBytes(wrong), 'encryptBytes');
      await refused(() => key.decryptBytes(wrong), 'decryptBytes');
      await refused(() => key.unwrapKey(wrong), 'unwrapKey');
      await refused(() => SymmetricKey.fromPassphrase('x', wrong, 100_000), 'fromPassphrase');
      await refused(() => KeyPair.import(wrong), 'KeyPair.import');
      await refused(() => PublicKey.import(wrong), 'PublicKey.import');
      await refused(() => decryptWithPassphrase(wrong, 'x'), 'decryptWithPassphrase');
    }
    assert.equal(await key.decryptString(await key.encryptString('it still works')), 'it still works');
    key.free();
  });

  it('in place of a number, or bytes without memory, is refused', async () => {
    for (const wrong of [2 ** 32 + 100_000, 100_000.5, Number.NaN, -1, '100000x']) {
      await refused(() => SymmetricKey.fromPassphrase('x', new Uint8Array(16), wrong), `${wrong} iterations`);
      await refused(() => KeyPair.generate(wrong), `${wrong} bits`);
    }
    const key = SymmetricKey.generate();
    const elsewhere = new Uint8Array(64);
    structuredClone(elsewhere, { transfer: [elsewhere.buffer] });
    await refused(() => key.encryptBytes(elsewhere), 'encryptBytes');
    key.free();
  });

  it('is not made of bytes that are wiped as soon as the call returned', async () => {
    const [key, pair] = [SymmetricKey.generate(), await KeyPair.generate(2048)];
    const wiped = (call, length) => {
      const bytes = new Uint8Array(length).fill(7);
      const result = call(bytes);
      bytes.fill(0);
      return result;
    };
    for (const length of [16, 1 << 20]) {
      const opened = await key.decryptBytes(await wiped((bytes) => key.encryptBytes(bytes), length));
      assert.deepEqual([opened.length, new Set(opened)], [length, new Set([7])]);
    }
    const publicKey = PublicKey.import(pair.publicKeyPem);
    assert.deepEqual(await publicKey.verify(await wiped((bytes) => pair.sign(bytes), 3)), new Uint8Array([7, 7, 7]));
    assert.deepEqual(
      await pair.decryptBytes(await wiped((bytes) => publicKey.encryptBytes(bytes), 3)),
      new Uint8Array([7, 7, 7]),
    );
    const derived = await wiped((salt) => SymmetricKey.fromPassphrase('x', salt, 20_000), 16);
    assert.equal(
      derived.export(),
      (await SymmetricKey.fromPassphrase('x', new Uint8Array(16).fill(7), 20_000)).export(),
    );
    for (const used of [key, pair, publicKey, derived]) used.free();
  });

  it('does not hide that the session is closed', async () => {
    const other = await new VaultClient({
      vaultUrl: `${server.url}/vault`,
      keystoreUrl: `${server.url}/keystore`,
    }).createUser('supersecretpassword');
    other.close();
    await assert.rejects(other.items.get('a b'), { code: 'SESSION_CLOSED' });
  });

  it('does not hide that a call was aborted before it began', async () => {
    const sent = requests;
    await assert.rejects(session.items.list({}, { signal: AbortSignal.abort() }), { code: 'ABORTED' });
    const abort = new AbortController();
    const listing = session.items.list({}, { signal: abort.signal });
    abort.abort();
    await assert.rejects(listing, { code: 'ABORTED' });
    assert.equal(requests, sent);
  });
});
