/**
 * Objects of the package's classes where they cannot be used: freed, of another class, or made of nothing. A method that
 * gives a promise rejects with a VaultError, any other throws one, and the module goes on.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { readDeclarations } from './support/declarations.mjs';
import { openInNode, outcomeOf, packageFolder, passphrase, vaultshare } from './support/in-node.mjs';
import { callsOf, makeAttachment, makeKeys, methods } from './support/methods.mjs';

const { KeyPair, PublicKey, SymmetricKey, VaultClient } = vaultshare;

describe('an object that cannot be used', () => {
  let declarations;
  let world;

  before(async () => {
    declarations = await readDeclarations(packageFolder);
    world = await openInNode();
    world.client = world.makeClient();
    world.session = await world.client.createUser(passphrase);
  });
  after(async () => {
    world?.session?.close();
    await world?.close();
    await declarations?.close();
  });
  beforeEach(async () => {
    Object.assign(world, await makeKeys());
    const [item] = (await world.session.items.list()).entries;
    world.attachment = item ? (await world.session.items.attachments(item.id))[0] : await makeAttachment(world.session);
  });
  afterEach(async () => {
    const key = SymmetricKey.generate();
    const envelope = await key.encryptString('it still works');
    assert.equal(await key.decryptString(envelope), 'it still works');
    assert.equal((await world.session.items.list()).entries.length, 1);
    key.free();
  });

  /** What is wrong with how a call ended, or undefined. */
  async function complaint(method, label, call) {
    const { value, error, thrown = false } = await Promise.race([outcomeOf(call), never()]);
    if (!vaultshare.isVaultError(error)) return `${method} ${label} ended with ${String(error ?? value)}`;
    if (error.code !== 'INVALID_ARGUMENT') return `${method} ${label} ended with ${error.code}`;
    return thrown === declarations.isAsync(method)
      ? `${method} ${label} ${thrown ? 'threw' : 'did not throw'}`
      : undefined;
  }

  /** The methods of a class's objects, each with right arguments. `free` is told of by itself. */
  function methodsOf(type) {
    const given = methods
      .filter((method) => method.startsWith(`${type}#`))
      .map((method) => [method, callsOf(method, world)[0]]);
    const without = declarations
      .methods()
      .filter((method) => [`${type}#export`, `${type}#exportMemory`].includes(method))
      .map((method) => [method, []]);
    return [...given, ...without];
  }

  const wrongObjects = {
    'an empty object': () => ({}),
    'an object without a prototype': () => Object.create(null),
    undefined: () => undefined,
    null: () => null,
    'a text': () => 'a text',
    'an object made of nothing': (type) => Object.create(vaultshare[type].prototype),
    'the prototype': (type) => vaultshare[type].prototype,
    'the class': (type) => vaultshare[type],
  };
  for (const type of ['Attachment', 'SymmetricKey', 'KeyPair', 'PublicKey', 'VaultClient', 'Session']) {
    it(`because it is no ${type} is refused by its methods`, async () => {
      const problems = [];
      for (const [method, values] of methodsOf(type)) {
        for (const [label, make] of Object.entries(wrongObjects)) {
          problems.push(
            await complaint(method, `on ${label}`, () =>
              vaultshare[type].prototype[method.split('#')[1]].apply(make(type), values),
            ),
          );
        }
      }
      assert.deepEqual(problems.filter(Boolean), []);
    });
  }

  it('because its methods were taken off it is refused, or does not need them', async () => {
    for (const [property, type] of Object.entries(declarations.parts())) {
      for (const [name, parameters] of Object.entries(declarations.members(type))) {
        if (parameters === null) continue;
        const [values] = callsOf(`${property}.${name}`, world);
        const method = world.session[property][name];
        const { error, thrown } = await outcomeOf(() => method(...values));
        assert.ok(!thrown, `${property}.${name} threw`);
        assert.ok(
          error === undefined || vaultshare.isVaultError(error),
          `${property}.${name} ended with ${String(error)}`,
        );
      }
    }
  });

  it('because it was freed is refused by its methods', async () => {
    const used = {
      Attachment: world.attachment,
      SymmetricKey: world.key,
      KeyPair: world.pair,
      PublicKey: world.publicKey,
    };
    const calls = Object.keys(used).flatMap((type) =>
      methodsOf(type).map(([method, values]) => [type, method, values]),
    );
    const other = SymmetricKey.generate();
    const problems = [];
    for (const object of Object.values(used)) object.free();
    for (const [type, method, values] of calls) {
      const right = values.map((value) => (value === world.key ? other : value));
      problems.push(await complaint(method, `on a freed ${type}`, () => used[type][method.split('#')[1]](...right)));
    }
    assert.deepEqual(problems.filter(Boolean), []);
    other.free();
  });

  it('because it was freed has no properties to read either', () => {
    const { pair, publicKey, attachment } = world;
    for (const object of [pair, publicKey, attachment]) object.free();
    for (const read of [
      () => pair.publicKeyPem,
      () => pair.fingerprint,
      () => publicKey.fingerprint,
      () => attachment.name,
    ]) {
      assert.throws(read, { name: 'VaultError', code: 'INVALID_ARGUMENT' });
    }
  });

  it('because it was freed, or is of another class, is refused as an argument', async () => {
    const { key, pair, publicKey, envelope } = world;
    const freed = SymmetricKey.generate();
    freed.free();
    const wrong = {
      'an empty object': {},
      'a key pair': pair,
      'a public key': publicKey,
      'a client': world.client,
      'the class': SymmetricKey,
      'an object made of nothing': Object.create(SymmetricKey.prototype),
      'a freed key': freed,
      undefined: undefined,
      null: null,
      'a text': key.export(),
      'a copy of its fields': { ...key },
      'a Uint8Array': new Uint8Array(32),
    };
    const problems = [];
    for (const [label, argument] of Object.entries(wrong)) {
      problems.push(await complaint('SymmetricKey#wrapKey', `with ${label}`, () => key.wrapKey(argument)));
      problems.push(await complaint('KeyPair#wrapWith', `with ${label}`, () => pair.wrapWith(argument)));
      problems.push(await complaint('PublicKey#encryptKey', `with ${label}`, () => publicKey.encryptKey(argument)));
      problems.push(await complaint('KeyPair.unwrap', `with ${label}`, () => KeyPair.unwrap(envelope, argument)));
    }
    assert.deepEqual(problems.filter(Boolean), []);
  });

  it('because it was freed is freed again, and disposed of, without harm: nothing happens, or a VaultError is thrown', async () => {
    for (const object of [world.key, world.pair, world.publicKey]) {
      object.free();
      for (const again of [() => object.free(), () => object[Symbol.dispose]()]) {
        const { error } = await outcomeOf(again);
        assert.ok(error === undefined || vaultshare.isVaultError(error), String(error));
      }
    }
  });

  it('is not one that is freed while a call of it is under way: that call ends as it was going to', async () => {
    const { key, pair, publicKey } = world;
    const bytes = new Uint8Array(3).fill(7);
    const calls = [
      key.encryptString('a text'),
      pair.sign(bytes),
      publicKey.encryptBytes(bytes),
      key.wrapKey(key),
      publicKey.encryptKey(key),
      pair.wrapWith(key),
    ];
    for (const object of [key, pair, publicKey]) object.free();
    for (const outcome of await Promise.allSettled(calls))
      assert.equal(typeof outcome.value, 'string', String(outcome.reason));
  });

  it('is not made by calling a class as a function, or a session’s class as if it were public', () => {
    for (const type of [SymmetricKey, KeyPair, PublicKey, VaultClient, vaultshare.Session, vaultshare.Attachment])
      assert.throws(() => type(), TypeError);
    for (const given of [undefined, {}, world.client]) {
      for (const type of [vaultshare.Session, vaultshare.Attachment]) {
        assert.throws(() => new type(given), { name: 'VaultError', code: 'INVALID_ARGUMENT' });
      }
    }
  });

  it('because it is of another class of the package is refused, and not read as if it were of the right one', async () => {
    const objects = {
      Attachment: world.attachment,
      SymmetricKey: world.key,
      KeyPair: world.pair,
      PublicKey: world.publicKey,
      VaultClient: world.client,
      Session: world.session,
    };
    const problems = [];
    for (const type of Object.keys(objects)) {
      for (const [method, values] of methodsOf(type)) {
        for (const [other, object] of Object.entries(objects)) {
          if (other === type) continue;
          problems.push(
            await complaint(method, `on a ${other}`, () =>
              vaultshare[type].prototype[method.split('#')[1]].apply(object, values),
            ),
          );
        }
      }
    }
    assert.deepEqual(problems.filter(Boolean), []);
  });
});

/** What a call came to that does not end. */
function never() {
  return new Promise((resolve) => {
    setTimeout(() => resolve({ value: 'nothing, after ten seconds' }), 10_000).unref();
  });
}
