/**
 * `index.d.ts` and what the package is when it runs, compared in both directions: a method, a parameter or a field that only
 * one of them has fails here. `package-types.test.mjs` uses the declarations as an app would; this reads them.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readDeclarations } from './support/declarations.mjs';
import { openInNode, packageFolder, passphrase, vaultshare } from './support/in-node.mjs';
import { encryptWithPassphrase } from './support/methods.mjs';

/** Declared fields that no call below can make a server give, each with the reason. */
const neverSeen = {
  'Connection.name null': 'the name is null only where this user cannot decrypt it',
  // Of `Page.unreadable`, by the first method that gives a page.
  'templates.list.id': 'our server sends no record that cannot be read',
  'templates.list.error': 'our server sends no record that cannot be read',
};

describe('the declarations', () => {
  let declarations;
  let world;

  before(async () => {
    declarations = await readDeclarations(packageFolder);
    world = await openInNode();
  });
  after(async () => {
    await world?.close();
    await declarations?.close();
  });

  it('name what the module exports', () => {
    assert.deepEqual(Object.keys(vaultshare).sort(), declarations.values());
  });

  it('name the functions’ parameters, as many as they have', () => {
    for (const [name, exported] of Object.entries({
      init: vaultshare.default,
      isVaultError: vaultshare.isVaultError,
      decryptWithPassphrase: vaultshare.decryptWithPassphrase,
      qrCode: vaultshare.qrCode,
    })) {
      assert.equal(exported.length, declarations.parameters(name).length, name);
    }
  });

  it('name the members of every class, with as many parameters as they have', () => {
    for (const name of declarations.classes()) {
      const exported = vaultshare[name];
      assert.deepEqual(
        membersOf(exported.prototype, declarations.members(name)),
        atRuntime(declarations.members(name), name),
        name,
      );
      assert.deepEqual(staticMembersOf(exported), declarations.staticMembers(name), `${name}, the class itself`);
      const parameters = declarations.constructorParameters(name);
      if (parameters !== undefined) assert.equal(exported.length, parameters, `new ${name}`);
    }
  });

  it('name the members of a session and of each of its parts', async () => {
    const session = await world.makeClient().createUser(passphrase);
    assert.deepEqual(membersOf(session, declarations.members('Session')), declarations.members('Session'));
    for (const [property, type] of Object.entries(declarations.parts())) {
      assert.deepEqual(membersOf(session[property], declarations.members(type)), declarations.members(type), property);
    }
    session.close();
  });

  it('name every field of every result, and no other', async () => {
    const problems = [];
    const seen = new Set();
    const called = new Set();
    /** Compares what a method gives, and passes it on. */
    const check = async (method, result) => {
      const value = await result;
      called.add(method);
      problems.push(...declarations.compareResult(method, value, seen, vaultshare));
      return value;
    };
    await callEverything(world, check);

    assert.deepEqual([...new Set(problems)], []);
    // Node.js has no place for a session: `staying-signed-in.test.mjs` has what browsers give.
    const unchecked = ['init', 'new VaultClient', 'new VaultError', 'isVaultError', 'Session#remember'];
    assert.deepEqual([...called, ...unchecked].sort(), declarations.methods(), 'not every method was called');
    const unseen = [...declarations.resultFields()].filter((field) => !seen.has(field));
    assert.deepEqual(unseen.sort(), Object.keys(neverSeen).sort(), 'no result had these fields');
  });
});

/** Every method at least once, in a story that makes every declared field appear. */
async function callEverything(world, check) {
  const client = world.makeClient();
  const secret = await check('VaultClient#newSecret', client.newSecret());
  const alice = await check('VaultClient#createUser', client.createUser(passphrase, { secret }));
  const bob = await client.createUser(passphrase);
  const carol = await client.createUser(passphrase);

  await check('templates.list', alice.templates.list({}, { perPage: 1 }));
  await check('templates.create', alice.templates.create({ label: 'Bicycle', slots: [{ label: 'Frame number' }] }));
  await check('templates.get', alice.templates.get('vehicle'));
  const node = await check(
    'classifications.create',
    alice.classifications.create({ scheme: 'tag', name: 'fast', description: 'quick' }),
  );
  await check('classifications.get', alice.classifications.get(node.id));
  await check('classifications.list', alice.classifications.list({ own: true }));

  const car = await check(
    'items.create',
    alice.items.create({
      template: 'vehicle',
      label: 'Car',
      slots: [{ name: 'licence_plate', value: 'OUTATIME', description: 'on the back' }],
      classifications: [{ id: node.id }],
    }),
  );
  const other = await alice.items.create({ template: 'vehicle', label: 'Other', slots: { licence_plate: 'NotACat' } });
  await check('items.get', alice.items.get(car.id));
  await check('items.list', alice.items.list({}, { perPage: 1 }));
  await check('items.getMany', alice.items.getMany([car.id, '0190f3a2b6c47d8e9f00112233445566']));
  const honest = world.fetch;
  world.fetch = async (request) => {
    const list = await (await honest(request)).json();
    return Response.json({ ...list, items: [{ id: car.id, label: 5 }, ...list.items] });
  };
  await check('items.list', alice.items.list());
  world.fetch = honest;
  await check('items.adopt', alice.items.adopt(car.id, car.version));
  const [, shared, removed] = other.slots;
  await check('items.removeSlot', alice.items.removeSlot(removed.id));

  const invitation = await check(
    'invitations.create',
    alice.invitations.create({ name: 'Bob', email: 'bob@example.com' }),
  );
  await check('invitations.list', alice.invitations.list());
  const byCode = await check('invitations.create', alice.invitations.create({ name: 'Nobody', by: 'code' }));
  await check('invitations.cancel', alice.invitations.cancel(byCode.id));
  await check('connections.accept', bob.connections.accept(invitation.token, { name: 'Alice' }));
  const {
    entries: [toBob],
  } = await check('connections.list', alice.connections.list());
  await check('connections.get', alice.connections.get(toBob.ref));
  await check('connections.inspect', alice.connections.inspect(toBob.ref));
  await check('connections.inspectAll', alice.connections.inspectAll());
  await check('connections.trustNewKey', alice.connections.trustNewKey(toBob.ref, toBob.fingerprint));
  await check('connections.markVerified', alice.connections.markVerified(toBob.ref, toBob.safetyNumber));
  const forCarol = await bob.invitations.create({ name: 'Carol' });
  const carolToBob = await carol.connections.accept(forCarol.token, { name: 'Bob' });

  const terms = { terms: 'be nice', expiresAt: '2090-01-01T00:00:00Z', onSharing: true };
  const share = await check(
    'shares.create',
    alice.shares.create({ itemId: car.id, connectionId: toBob.ref, ...terms }),
  );
  await check('shares.incoming', bob.shares.incoming());
  await check('shares.outgoing', alice.shares.outgoing());
  await check('shares.info', bob.shares.info(share.id));
  await check('shares.accept', bob.shares.accept(share.id));
  const { item: received } = await check('shares.get', bob.shares.get(share.id));
  await check('items.get', bob.items.get(received.id));
  await check('items.list', bob.items.list());
  const change = { shareId: share.id, itemId: car.id, connectionId: toBob.ref, expiresAt: null };
  await check('shares.change', alice.shares.change(change));
  await check('shares.create', bob.shares.create({ itemId: received.id, connectionId: carolToBob.otherConnectionId }));
  await check('items.reencrypt', bob.items.reencrypt(received.id));
  const part = await check(
    'shares.create',
    alice.shares.create({ itemId: other.id, connectionId: toBob.id, slotId: shared.id, expiresAt: '2100-01-01' }),
  );
  await check('shares.info', bob.shares.info(part.id));
  await check('shares.outgoing', alice.shares.outgoing({ itemIds: [other.id], connectionId: toBob.ref }));
  // A server that keeps no grants: nobody is encrypted for but whom the user lets in.
  const send = world.fetch;
  world.fetch = async (request) => {
    const response = await send(request);
    if (!/^GET .*\/items\/[^/]+\/shares$/.test(`${request.method} ${request.url}`)) return response;
    const { shares, ...rest } = await response.json();
    return Response.json({ ...rest, shares: shares.map(({ grant, ...share }) => share) });
  };
  const { leftOut } = await check('shares.refresh', alice.shares.refresh(other.id));
  const include = leftOut.map(({ shareId, fingerprint, slotId: scope, expiresAt }) => ({
    shareId,
    fingerprint,
    scope,
    expiresAt,
  }));
  const expiresAt = '2100-01-01T00:00:00.000Z';
  assert.deepEqual(include, [{ shareId: part.id, fingerprint: toBob.fingerprint, scope: shared.id, expiresAt }]);
  await check('shares.refresh', alice.shares.refresh(other.id, { include }));
  world.fetch = send;
  await check('shares.delete', alice.shares.delete(part.id));

  await check('items.update', alice.items.update(car.id, { slots: { licence_plate: 'NotACat' } }));
  await check('tasks.count', alice.tasks.count());
  await check('tasks.list', alice.tasks.list());
  // Only the first run fails: what is answered to its uploads is not the protocol.
  world.fetch = async (request) =>
    /\/client_tasks|GET/.test(`${request.method} ${request.url}`) ? send(request) : new Response('{}', { status: 500 });
  await check('tasks.run', alice.tasks.run());
  world.fetch = send;
  await check('tasks.run', alice.tasks.run());
  await check('shares.refresh', alice.shares.refresh(car.id));
  await check('Session#importMemory', alice.importMemory(await check('Session#exportMemory', alice.exportMemory())));

  const plain = await alice.items.create({ template: 'vehicle', label: 'Plain', slots: { licence_plate: 'OUTATIME' } });
  const spaceTerms = { terms: 'be nice', expiresAt: '2090-01-01T00:00:00Z' };
  const inSpace = await check(
    'encryptionSpaces.share',
    alice.encryptionSpaces.share({ itemId: plain.id, connectionId: toBob.id, ...spaceTerms }),
  );
  const ofSlot = await check(
    'encryptionSpaces.share',
    alice.encryptionSpaces.share({ itemId: plain.id, connectionId: toBob.id, slotId: plain.slots[0].id }),
  );
  await check('encryptionSpaces.list', bob.encryptionSpaces.list('incoming'));
  await check('encryptionSpaces.list', alice.encryptionSpaces.list('outgoing'));
  await check('encryptionSpaces.get', bob.encryptionSpaces.get(inSpace.id));
  await check('encryptionSpaces.delete', alice.encryptionSpaces.delete(ofSlot.id));

  const attachment = await check('items.attach', alice.items.attach(plain.id, new Uint8Array(3), { name: 'a.png' }));
  await check('items.get', alice.items.get(plain.id));
  for (const same of await check('items.attachments', alice.items.attachments(plain.id))) {
    await check('Attachment#free', same.free());
  }
  const jpeg = new Uint8Array([0xff, 0xd8, 0xff]);
  await check('Attachment#addThumbnail', attachment.addThumbnail(jpeg));
  await check('Attachment#thumbnail', attachment.thumbnail());
  await check('Attachment#open', attachment.open());
  await check('Attachment#blob', attachment.blob());
  await check('Attachment#remove', attachment.remove());
  await check('Attachment#[Symbol.dispose]', attachment[Symbol.dispose]());

  await check('items.delete', alice.items.delete(plain.id));
  await check('connections.delete', carol.connections.delete(carolToBob.id));

  const again = await check('VaultClient#signIn', client.signIn(secret, passphrase));
  await check('VaultClient#resume', client.resume());
  await check('Session#endOtherSessions', again.endOtherSessions());
  const key = await check('Session#createRecoveryKey', again.createRecoveryKey(passphrase));
  await check('Session#recoveryKeySince', again.recoveryKeySince());
  const recovered = await check('VaultClient#recover', client.recover(key, passphrase, { secret }));
  await check('Session#revokeRecoveryKey', recovered.revokeRecoveryKey());
  await check('Session#changePassphrase', recovered.changePassphrase(passphrase, 'another passphrase'));
  await check('Session#user', recovered.user());
  await check('Session#deleteAccount', recovered.deleteAccount('another passphrase'));
  await check('Session#user', recovered.user());
  await check('Session#keepAccount', recovered.keepAccount());
  await check('Session#signOut', recovered.signOut());
  await check('Session#close', alice.close());
  await check('Session#[Symbol.dispose]', bob[Symbol.dispose]());
  carol.close();
  await callPrimitives(check);
}

async function callPrimitives(check) {
  const { SymmetricKey, KeyPair, PublicKey, decryptWithPassphrase } = vaultshare;
  const key = await check('SymmetricKey.generate', SymmetricKey.generate());
  const derived = await check(
    'SymmetricKey.fromPassphrase',
    SymmetricKey.fromPassphrase(passphrase, new Uint8Array(16), 20_000),
  );
  const imported = await check(
    'SymmetricKey.import',
    SymmetricKey.import(await check('SymmetricKey#export', key.export())),
  );
  await check('SymmetricKey#encryptString', key.encryptString(''));
  const text = await check('SymmetricKey#encryptString', key.encryptString('a text'));
  await check('SymmetricKey#decryptString', key.decryptString(null));
  await check('SymmetricKey#decryptString', key.decryptString(text));
  await check(
    'SymmetricKey#decryptBytes',
    key.decryptBytes(await check('SymmetricKey#encryptBytes', key.encryptBytes(new Uint8Array(3)))),
  );
  await check('SymmetricKey#unwrapKey', key.unwrapKey(await check('SymmetricKey#wrapKey', key.wrapKey(derived))));

  const pair = await check('KeyPair.generate', KeyPair.generate(2048));
  await check('KeyPair.unwrap', KeyPair.unwrap(await check('KeyPair#wrapWith', pair.wrapWith(key)), key));
  await check('KeyPair.import', KeyPair.import(await key.decryptString(await pair.wrapWith(key))));
  const publicKey = await check('PublicKey.import', PublicKey.import(pair.publicKeyPem));
  await check('KeyPair#decryptKey', pair.decryptKey(await check('PublicKey#encryptKey', publicKey.encryptKey(key))));
  await check(
    'KeyPair#decryptBytes',
    pair.decryptBytes(await check('PublicKey#encryptBytes', publicKey.encryptBytes(new Uint8Array(3)))),
  );
  await check('PublicKey#verify', publicKey.verify(await check('KeyPair#sign', pair.sign(new Uint8Array(3)))));
  await check('qrCode', vaultshare.qrCode('a text'));
  const error = new vaultshare.VaultError('RATE_LIMITED', 'slow down', 429, 'too_many_requests');
  await check('VaultError.from', vaultshare.VaultError.from(await check('VaultError#toJSON', error.toJSON())));
  await check(
    'decryptWithPassphrase',
    decryptWithPassphrase(await encryptWithPassphrase(new Uint8Array(3)), passphrase),
  );

  for (const [name, used] of Object.entries({
    SymmetricKey: [key, imported],
    KeyPair: [pair, await KeyPair.generate(2048)],
    PublicKey: [publicKey, PublicKey.import(pair.publicKeyPem)],
  })) {
    await check(`${name}#free`, used[0].free());
    await check(`${name}#[Symbol.dispose]`, used[1][Symbol.dispose]());
  }
}

/** What generated classes bring besides, and what every function and error has. */
const generated = ['constructor', 'free', '[Symbol.dispose]', 'toString'];

/**
 * What an object has, on itself and by its classes: by name, how many parameters a method has; null for a property.
 *
 * @param {object} declared whose members count also where generated classes bring them
 */
function membersOf(object, declared) {
  const members = {};
  for (
    let holder = object;
    holder !== null && holder !== Object.prototype && holder !== Error.prototype;
    holder = Object.getPrototypeOf(holder)
  ) {
    for (const key of Reflect.ownKeys(holder)) {
      const name = key === Symbol.dispose ? '[Symbol.dispose]' : key;
      if (typeof name !== 'string' || name.startsWith('__') || name in members) continue;
      if (generated.includes(name) && !(name in declared)) continue;
      const { value } = Object.getOwnPropertyDescriptor(holder, key);
      members[name] = typeof value === 'function' ? value.length : null;
    }
  }
  return members;
}

function staticMembersOf(exported) {
  const usual = ['length', 'name', 'prototype'];
  const names = Object.getOwnPropertyNames(exported).filter((name) => !usual.includes(name) && !name.startsWith('__'));
  return Object.fromEntries(
    names.map((name) => [name, typeof exported[name] === 'function' ? exported[name].length : null]),
  );
}

/** Without what stands on the objects themselves and not on their class. */
function atRuntime(members, type) {
  const onObjects =
    {
      VaultError: ['code', 'status', 'serverCode', 'cause'],
      Session: Object.keys(members).filter((name) => /^[a-z]/.test(name)),
    }[type] ?? [];
  const kept = Object.entries(members).filter(
    ([name]) => !onObjects.includes(name) || name in vaultshare[type].prototype,
  );
  return Object.fromEntries(kept);
}
