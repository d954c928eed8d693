/**
 * Every argument and every field of every method with everything that it must not be: each is an INVALID_ARGUMENT that says
 * where, repeats nothing of what was given, sends nothing, and leaves the module working.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readDeclarations } from './support/declarations.mjs';
import { openInNode, outcomeOf, packageFolder, passphrase, vaultshare } from './support/in-node.mjs';
import { callMethod, callsOf, makeAttachment, makeKeys, methods, withoutArguments } from './support/methods.mjs';

/** Stands in all wrong values and must be in no error. Read forwards or as a number, it is nowhere else. */
const needle = 'Needle4711';
const number = 471_147_114_711;

class Needle {
  needle = needle;
}

/** What is right for none. Made anew for each use. */
const never = {
  'a symbol': () => Symbol(needle),
  'a BigInt': () => BigInt(number),
};
const notData = {
  ...never,
  'a function': () => function needle4711() {},
};
const notPlain = {
  ...notData,
  'a Date': () => new Date(number),
  'a Map': () => new Map([[needle, needle]]),
  'a Set': () => new Set([needle]),
  'a Uint8Array': () => new Uint8Array([47, 11]),
};
const objects = {
  'an object': () => ({ needle }),
  'an array': () => [needle],
  'a class instance': () => new Needle(),
  'an object within itself': () => within({ needle }),
};
const halfCharacters = {
  'half a character': () => '\ud800',
  'half a character after others': () => `${needle}\ud83e`,
  'half a character before others': () => `\udc00${needle}`,
};

const wrongValues = {
  text: {
    ...notPlain,
    ...objects,
    'a number': () => number,
    true: () => true,
    'a String object': () => new String(needle),
  },
  number: {
    ...notPlain,
    ...objects,
    'a text': () => needle,
    digits: () => '20000',
    true: () => true,
    NaN: () => NaN,
    Infinity: () => Infinity,
    'minus infinity': () => -Infinity,
    'a negative number': () => -4711,
    'a fraction': () => 4711.5,
    'a huge number': () => 2 ** 53,
  },
  boolean: {
    ...notPlain,
    ...objects,
    'a text': () => needle,
    'its name': () => 'true',
    0: () => 0,
    1: () => 1,
    NaN: () => NaN,
  },
  choice: { ...notPlain, ...objects, 'another text': () => needle, 'a number': () => number, true: () => true },
  instant: {
    ...notData,
    ...objects,
    'a text': () => needle,
    'a day': () => 'tomorrow',
    'an invalid Date': () => new Date(NaN),
    'a number': () => number,
    zero: () => 0,
    NaN: () => NaN,
    true: () => true,
    'a Map': () => new Map(),
  },
  bytes: {
    ...notData,
    ...objects,
    'a text': () => needle,
    'a number': () => number,
    numbers: () => [47, 11],
    true: () => true,
    'the like': () => ({ length: 2, 0: 47, 1: 11 }),
  },
  file: {
    ...notData,
    ...objects,
    'a text': () => needle,
    'a number': () => number,
    true: () => true,
    numbers: () => [47, 11],
    'the like of bytes': () => ({ length: 2, 0: 47, 1: 11 }),
    'the like of a file': () => ({ size: 2, name: needle, slice() {} }),
    'what calls itself a file': () => ({ size: 2, name: needle, [Symbol.toStringTag]: 'File' }),
    'what calls itself a stream': () => ({ [Symbol.toStringTag]: 'ReadableStream' }),
  },
  object: {
    ...notPlain,
    'a text': () => needle,
    'a number': () => number,
    true: () => true,
    'an array': () => [needle],
  },
  'text or object': { ...notPlain, 'a number': () => number, true: () => true, 'an array': () => [needle] },
  list: {
    ...notPlain,
    'a text': () => needle,
    'a number': () => number,
    true: () => true,
    'an object': () => ({ needle }),
  },
  'list or object': { ...notPlain, 'a text': () => needle, 'a number': () => number, true: () => true },
  function: { ...never, ...objects, 'a text': () => needle, 'a number': () => number, true: () => true },
  signal: {
    ...notData,
    ...objects,
    'a text': () => needle,
    'a number': () => number,
    true: () => true,
    'the like': () => ({ aborted: false, addEventListener() {} }),
    'its controller': () => new AbortController(),
    'another EventTarget': () => new EventTarget(),
  },
  key: {
    ...notPlain,
    ...objects,
    'a text': () => needle,
    'a number': () => number,
    true: () => true,
    'a bare object': () => Object.create(null),
    'an object of the class that has no key': () => Object.create(vaultshare.SymmetricKey.prototype),
  },
};

/** Options of a call may be any object that has them. */
const wrongOptions = { ...notData, 'a text': () => needle, 'a number': () => number, true: () => true };

function within(object) {
  object.self = object;
  return object;
}

/** What reading fails with, or from. */
const hostile = {
  'a revoked Proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  'a Proxy that throws': () =>
    new Proxy(
      {},
      new Proxy(
        {},
        {
          get: () => () => {
            throw new Error(needle);
          },
        },
      ),
    ),
  'a Proxy that throws a text': () =>
    new Proxy(
      {},
      {
        get: () => {
          throw needle;
        },
        ownKeys: () => {
          throw needle;
        },
      },
    ),
};

const hostileGetters = {
  'a getter that throws': (holder, key) => defineGetter(holder, key, new Error(needle)),
  'a getter that throws a text': (holder, key) => defineGetter(holder, key, needle),
};

/** What is declared to be otherwise, and taken all the same: it is not said here that it has to be, or must not be. */
const accepted = [
  ...['undefined', 'null'].map((nothing) => `items.update: change: ${nothing}`),
  'templates.create: slots: an object',
  'SymmetricKey#decryptString: envelope: undefined',
  // The Vault knows the types.
  ...['templates.create', 'items.create', 'items.update'].map((method) => `${method}: slots[0].type: another text`),
];

describe('a wrong argument', () => {
  let declarations;
  let world;

  before(async () => {
    declarations = await readDeclarations(packageFolder);
    world = await openInNode();
    world.client = world.makeClient();
    world.session = await world.client.createUser(passphrase);
    Object.assign(world, await makeKeys());
    world.attachment = await makeAttachment(await world.client.createUser(passphrase));
  });
  after(async () => {
    world?.session?.close();
    await world?.close();
    await declarations?.close();
  });

  it('is tried of every method, and in every field, that is declared', () => {
    assert.deepEqual([...methods, ...withoutArguments].sort(), declarations.methods());
    const covered = new Set();
    const declared = new Set();
    for (const method of methods) {
      for (const values of callsOf(method, world)) declarations.places(method, values, covered);
      for (const field of declarations.argumentFields(method)) declared.add(field);
    }
    assert.deepEqual([...covered].sort(), [...declared].sort());
  });

  for (const method of methods) {
    describe(`of ${method}`, () => {
      it('is refused, whatever it is', () => expectRefusal(method, kinds));

      it('is refused where only half a character of a text is wrong', () => expectRefusal(method, halves));

      it('is refused where it cannot be read', () => expectRefusal(method, unreadable));

      it('is named, with the way to it', async () => {
        assert.deepEqual(
          await complaints(method, [kinds, halves], ({ error, place, label }) => {
            // Of an object that is missing, a message may as well name what was expected in it.
            if (place.kind === 'object' && ['undefined', 'null'].includes(label)) return false;
            return error?.code === 'INVALID_ARGUMENT' && !error.message.includes(place.name) && `says ${error.message}`;
          }),
          [],
        );
      });

      it('is not repeated', async () => {
        assert.deepEqual(
          await complaints(method, [kinds, halves, unreadable], ({ error }) => {
            const text = `${error?.message} ${String(error)} ${String(error?.cause)}`;
            return /needle|4711|[\ud800-\udfff]/i.test(text) && `says ${text}`;
          }),
          [],
        );
      });
    });
  }

  it('may be an id that is none, which is not repeated either', async () => {
    const problems = [];
    for (const method of methods) {
      for (const values of callsOf(method, world)) {
        for (const place of declarations.places(method, values, new Set())) {
          if (!/\b(id|\w+Id)$|[iI]ds\[0\]$/.test(place.name) || place.name === 'nameOrId') continue;
          for (const odd of [
            `${needle} "<`,
            `../${needle}`,
            `${needle}/a`,
            `${needle}?x=1`,
            `${needle}#a`,
            `${needle}\0`,
            `${needle}ü`,
          ]) {
            const { error } = await attempt(method, values, place, odd);
            if (error?.code !== 'INVALID_ARGUMENT')
              problems.push(`${method}: ${place.name}: ${JSON.stringify(odd)} ended with ${told(error)}`);
            else if (`${error.message} ${error.cause}`.includes(needle))
              problems.push(`${method}: ${place.name}: says ${error.message}`);
          }
        }
      }
    }
    assert.deepEqual(problems, []);
    await stillWorks();
  });

  it('may be a reference to a connection, or a fingerprint, that was cut short or is not of its form', async () => {
    const id = callsOf('items.get', world)[0][0];
    const right = '0123456789abcdef'.repeat(4);
    const odd = [right.slice(1), `${right}0`, right.toUpperCase(), `${right.slice(1)}g`, '', needle];
    const problems = [];
    const tried = new Set();
    for (const method of methods.filter((name) => /^(connections|shares|encryptionSpaces)\./.test(name))) {
      for (const values of callsOf(method, world)) {
        for (const place of declarations.places(method, values, new Set())) {
          const isReference = /^connections\.(?!accept)/.test(method)
            ? place.name === 'id'
            : place.name.endsWith('connectionId');
          if (!isReference && !/fingerprint$|acceptUnproven$/.test(place.name)) continue;
          tried.add(place.name);
          for (const wrong of odd) {
            const { error, sent } = await attempt(method, values, place, isReference ? `${id}~${wrong}` : wrong);
            if (error?.code !== 'INVALID_ARGUMENT' || sent > 0)
              problems.push(`${method}: ${place.name}: ${JSON.stringify(wrong)} ended with ${told(error)}`);
          }
        }
      }
    }
    assert.deepEqual(problems, []);
    const places = ['acceptUnproven', 'connectionId', 'fingerprint', 'id', 'include[0].fingerprint'];
    assert.deepEqual([...tried].sort(), places);
    await stillWorks();
  });

  it('may be a field’s name', async () => {
    const problems = [];
    for (const name of ['\ud800', `${needle}\udfff`]) {
      for (const [method, values] of [
        ['items.create', [{ template: 'vehicle', label: 'x', slots: { [name]: 'the value' } }]],
        ['items.update', [callsOf('items.get', world)[0][0], { slots: { [name]: 'the value' } }]],
        ['items.update', [callsOf('items.get', world)[0][0], { slots: { [name]: null } }]],
      ]) {
        const sent = world.requests.length;
        const { error } = await outcomeOf(() => callMethod(world, method, values));
        if (error?.code !== 'INVALID_ARGUMENT' || world.requests.length !== sent)
          problems.push(`${method} ended with ${told(error)}`);
        else if (error.message.includes(needle)) problems.push(`${method}: says ${error.message}`);
      }
    }
    assert.deepEqual(problems, []);
  });

  it('may be a field that is not declared, so that nothing is lost that was typed under a misspelt name', async () => {
    const problems = [];
    const tried = new Set();
    for (const method of methods.filter((name) => /^[a-z]\w*\./.test(name))) {
      for (const call of callsOf(method, world).keys()) {
        for (const path of objectsIn(callsOf(method, world)[call])) {
          const values = callsOf(method, world)[call];
          path.reduce((holder, key) => holder[key], values).misspelt = needle;
          const sent = world.requests.length;
          const { error } = await outcomeOf(() => callMethod(world, method, values));
          tried.add(method);
          const names = /`[a-z][A-Za-z.[\]\d]*\.misspelt`/.test(error?.message) && !error.message.includes(needle);
          if (error?.code !== 'INVALID_ARGUMENT' || !names || world.requests.length !== sent)
            problems.push(`${method}: ${path.join('.')}: ended with ${told(error)}`);
        }
      }
    }
    assert.deepEqual(problems, []);
    assert.ok(tried.size > 12, [...tried].join());
    await stillWorks();
  });

  /** The ways to all objects with declared fields in some arguments; options are none, which may be any object. */
  function objectsIn(value, path = []) {
    const isPlain = value && [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value));
    if (!isPlain) return [];
    const inner = Object.entries(value).flatMap(([key, within]) => objectsIn(within, [...path, key]));
    const isOptions = ['signal', 'perPage', 'include'].some((option) => option in value);
    return Array.isArray(value) || isOptions || path.at(-1) === 'slots' ? inner : [path, ...inner];
  }

  /** Each ends with an INVALID_ARGUMENT, thrown only where there is no promise, before anything is sent. */
  async function expectRefusal(method, wrongs) {
    const isAsync = !method.startsWith('new ') && declarations.isAsync(method);
    assert.deepEqual(
      await complaints(method, [wrongs], ({ error, thrown = false, sent }) => {
        if (sent > 0) return 'sent something';
        if (!vaultshare.isVaultError(error) || error.code !== 'INVALID_ARGUMENT') return `ended with ${told(error)}`;
        return thrown === isAsync && (thrown ? 'was thrown' : 'was not thrown');
      }),
      [],
    );
    await stillWorks();
  }

  /** Makes one value of a right call wrong after another, and tells what `judge` finds wrong with how that ends. */
  async function complaints(method, wrongs, judge) {
    const found = new Set();
    for (const values of callsOf(method, world)) {
      for (const place of declarations.places(method, values, new Set())) {
        for (const [label, wrong] of wrongs.flatMap((of) => Object.entries(of(place, values)))) {
          if (accepted.includes(`${method}: ${place.name}: ${label}`)) continue;
          const outcome = await attempt(method, values, place, wrong);
          const complaint = judge({ ...outcome, place, label });
          if (complaint) found.add(`${place.name}: ${label} ${complaint}`);
        }
      }
    }
    return [...found];
  }

  /** A call with one value replaced: by a text as it is, or by what a function makes of the holder and the key. */
  async function attempt(method, values, place, wrong) {
    const changed = copy(values);
    const key = place.path.at(-1);
    const holder = place.path.slice(0, -1).reduce((inner, step) => inner[step], changed);
    if (typeof wrong === 'function') {
      const made = wrong(holder, key);
      if (made !== leaveAsIs) holder[key] = made;
    } else {
      holder[key] = wrong;
    }
    const before = world.requests.length;
    const outcome = await outcomeOf(() => callMethod(world, method, changed));
    return { ...outcome, sent: world.requests.length - before };
  }

  async function stillWorks() {
    assert.equal(await world.key.decryptString(await world.key.encryptString('it still works')), 'it still works');
    assert.deepEqual((await world.session.items.list()).entries, []);
  }
});

const leaveAsIs = Symbol('leave as is');

/** What is of the wrong kind at a place, or missing. */
function kinds(place) {
  const wrong = { ...(areOptions(place) ? wrongOptions : wrongValues[place.kind]) };
  assert.ok(Object.keys(wrong).length > 0, `nothing is known to be wrong as ${place.kind}`);
  if (!place.optional) wrong.undefined = () => undefined;
  if (!place.optional && !place.nullable) wrong.null = () => null;
  return wrong;
}

function halves({ kind }) {
  return ['text', 'text or object', 'choice', 'instant'].includes(kind) ? halfCharacters : {};
}

function unreadable(place, values) {
  const value = place.path.reduce((holder, key) => holder[key], values);
  const isRead =
    typeof value === 'object' && ['object', 'text or object', 'list', 'list or object'].includes(place.kind);
  const isField = place.path.length > 1 && typeof place.path.at(-1) === 'string';
  return { ...(isRead && hostile), ...(isField && hostileGetters) };
}

function areOptions({ name }) {
  return ['options', 'page'].includes(name);
}

function defineGetter(holder, key, thrown) {
  Object.defineProperty(holder, key, {
    get() {
      throw thrown;
    },
    enumerable: true,
  });
  return leaveAsIs;
}

/** A copy that can be changed, of arrays and plain objects; all else is passed on. */
function copy(value) {
  if (Array.isArray(value)) return value.map(copy);
  const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner)])) : value;
}

function told(error) {
  return error === undefined ? 'success' : `${error?.code ?? typeof error}: ${error?.message ?? String(error)}`;
}
