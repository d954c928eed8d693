/**
 * A call that is given up: it ends with ABORTED whatever the reason, at whatever time, and however the fetch behaves; its
 * connection is freed, and the module goes on.
 */
import assert from 'node:assert/strict';
import { createServer, request as requestOf } from 'node:http';
import { after, afterEach, before, describe, it } from 'node:test';
import { openInNode, outcomeOf, passphrase, vaultshare } from './support/in-node.mjs';
import { callMethod, callsOf, makeAttachment, makeKeys, networkMethods } from './support/methods.mjs';

/** An application may abort with anything. `undefined` gives what the platform says, a DOMException. */
const reasons = {
  'a text': 'a reason that is no Error',
  'an object': { why: 'a reason that is no Error' },
  nothing: undefined,
  null: null,
  'a number': 0,
  'an Error': new Error('a reason'),
  'a symbol': Symbol('a reason'),
};

describe('a call that is given up', () => {
  let world;

  before(async () => {
    world = await openInNode();
    world.client = world.makeClient();
    world.session = await world.client.createUser(passphrase);
    Object.assign(world, await makeKeys());
    world.attachment = await makeAttachment(world.session);
    world.item = await world.session.items.create({
      template: 'vehicle',
      label: 'Car',
      slots: { licence_plate: 'OUTATIME' },
    });
  });
  after(async () => {
    world?.session?.close();
    await world?.close();
  });

  const send = (...given) => fetch(...given);
  afterEach(async () => {
    world.fetch = send;
    assert.equal(
      (await world.session.items.get(world.item.id)).value('licence_plate'),
      'OUTATIME',
      'the module does not work any more',
    );
  });

  function expectAborted({ value, error }, label) {
    assert.ok(vaultshare.isVaultError(error), `${label}: ${String(error)} (${typeof error}), value ${value}`);
    assert.equal(error.code, 'ABORTED', `${label}: ${error.message}`);
    assert.ok(!error.message.includes('a reason'), `${label}: ${error.message}`);
  }

  /** The arguments of a call, with this signal. */
  function argumentsWith(method, signal) {
    const [values] = callsOf(method, world);
    return [...values.slice(0, -1), { ...values.at(-1), signal }];
  }

  it('before it began sends nothing, in every method', async () => {
    for (const method of networkMethods) {
      for (const [label, reason] of Object.entries(reasons)) {
        const sent = world.requests.length;
        expectAborted(
          await outcomeOf(() => callMethod(world, method, argumentsWith(method, AbortSignal.abort(reason)))),
          `${method}, ${label}`,
        );
        assert.equal(world.requests.length, sent, `${method} sent something`);
      }
    }
  });

  const fetches = {
    'heeds its signal': ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
    'rejects with a text': ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject('a reason that is no Error'));
      }),
    'rejects with nothing': ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject());
      }),
    'never settles': () => new Promise(() => {}),
  };
  for (const [behaviour, stall] of Object.entries(fetches)) {
    it(`before the response ends at once, in every method, where the fetch ${behaviour}`, async () => {
      for (const method of networkMethods) {
        for (const [label, reason] of Object.entries({
          'a text': reasons['a text'],
          nothing: undefined,
          'an object': reasons['an object'],
        })) {
          const controller = new AbortController();
          const asked = new Promise((resolve) => {
            world.fetch = (request) => {
              resolve();
              return stall(request);
            };
          });
          const pending = outcomeOf(() => callMethod(world, method, argumentsWith(method, controller.signal)));
          await Promise.race([asked, pending]);
          controller.abort(reason);
          expectAborted(await pending, `${method}, ${label}`);
        }
      }
    });
  }

  it('during the body ends at once, and the fetch is told', async () => {
    for (const [label, reason] of Object.entries(reasons)) {
      const controller = new AbortController();
      let told;
      const reading = new Promise((resolve) => {
        world.fetch = async ({ signal }) => {
          signal.addEventListener('abort', () => {
            told = true;
          });
          return new Response(
            new ReadableStream({
              start: (stream) => stream.enqueue(new TextEncoder().encode('{"items": [')),
              pull: () => {
                resolve();
                return new Promise(() => {});
              },
            }),
            { headers: { 'Content-Type': 'application/json' } },
          );
        };
      });
      const pending = outcomeOf(() => world.session.items.list({}, { signal: controller.signal }));
      await reading;
      controller.abort(reason);
      expectAborted(await pending, label);
      assert.ok(told, `${label}: the fetch was not told`);
    }
  });

  it('during a body that fails with a text ends with ABORTED as well', async () => {
    const controller = new AbortController();
    world.fetch = async () =>
      new Response(
        new ReadableStream({
          pull: (stream) =>
            new Promise((resolve) => {
              controller.signal.addEventListener('abort', () => {
                stream.error('a reason that is no Error');
                resolve();
              });
            }),
        }),
      );
    const pending = outcomeOf(() => world.session.items.list({}, { signal: controller.signal }));
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    controller.abort('a reason that is no Error');
    expectAborted(await pending, 'a failing body');
  });

  it('frees the connection, before the response and during the body', async () => {
    const stalling = await startStallingProxy(world.url);
    const session = await new vaultshare.VaultClient({
      vaultUrl: `${stalling.url}/vault`,
      keystoreUrl: `${stalling.url}/keystore`,
      prepareKeyPairs: false,
      retries: 0,
    }).signIn(world.session.secret, passphrase);
    try {
      for (const how of ['silent', 'half a body']) {
        for (const [label, reason] of Object.entries(reasons)) {
          const controller = new AbortController();
          const stalled = stalling.next(how);
          const pending = outcomeOf(() => session.items.get(world.item.id, { signal: controller.signal }));
          const { closed } = await stalled;
          controller.abort(reason);
          expectAborted(await pending, `${how}, ${label}`);
          await within(5000, closed, `${how}, ${label}: the connection is still open`);
          assert.equal((await session.items.get(world.item.id)).value('licence_plate'), 'OUTATIME');
        }
      }
    } finally {
      session.close();
      await stalling.close();
    }
  });

  it('leaves nothing listening to its signal', async () => {
    const controller = new AbortController();
    let listening = 0;
    const { signal } = controller;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...given) => {
      listening += 1;
      add(...given);
    };
    signal.removeEventListener = (...given) => {
      listening -= 1;
      remove(...given);
    };
    for (let count = 0; count < 5; count += 1) await world.session.items.get(world.item.id, { signal });
    assert.equal(listening, 0);
  });

  it('is not one that a fetch ends by itself: that is NETWORK, whatever it rejects with', async () => {
    for (const [label, reason] of Object.entries(reasons)) {
      world.fetch = () => Promise.reject(reason);
      await assert.rejects(
        world.session.items.get(world.item.id, { signal: new AbortController().signal }),
        { name: 'VaultError', code: 'NETWORK' },
        label,
      );
      world.fetch = () => {
        throw reason;
      };
      await assert.rejects(
        world.session.items.get(world.item.id),
        { name: 'VaultError', code: 'NETWORK' },
        `${label}, thrown`,
      );
    }
  });
});

function within(milliseconds, promise, message) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Passes requests on to a server, except that the next one, when asked, is never answered in full. */
async function startStallingProxy(target) {
  let stall;
  const proxy = createServer((incoming, outgoing) => {
    if (stall) {
      const { how, begun } = stall;
      stall = undefined;
      const closed = new Promise((resolve) => {
        incoming.socket.once('close', resolve);
      });
      if (how === 'half a body') {
        outgoing.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 1000 });
        outgoing.write('{"item": {');
        // So that the headers have arrived when the test goes on.
        setTimeout(() => begun({ closed }), 50);
      } else {
        begun({ closed });
      }
      return;
    }
    const { method, headers, url } = incoming;
    const passedOn = requestOf(new URL(url, target), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(passedOn);
  });
  await new Promise((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${proxy.address().port}`,
    /** Settles when the request that stalls has come; `closed` when its connection is gone. */
    next: (how) =>
      new Promise((begun) => {
        stall = { how, begun };
      }),
    close: () =>
      new Promise((resolve) => {
        proxy.close(resolve);
        proxy.closeAllConnections();
      }),
  };
}
