/** The package on a page without `crypto.subtle`, as pages on plain http are: slower, in a worker, and with the same results. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openBench } from './support/bench.mjs';
import { shareOnce, story } from './support/story.mjs';

/** Takes `crypto.subtle` away, and notes what the page says to the workers that it starts. */
function withoutSubtle(page) {
  return page.addInitScript(() => {
    Object.defineProperty(Crypto.prototype, 'subtle', { get: () => undefined });
    globalThis.workers = [];
    globalThis.Worker = class extends Worker {
      questions = [];

      constructor(...given) {
        super(...given);
        globalThis.workers.push(this);
      }

      postMessage(message, ...more) {
        this.questions.push(message.operation);
        super.postMessage(message, ...more);
      }
    };
  });
}

describe('the package without crypto.subtle', () => {
  let bench;

  beforeEach(async () => {
    bench = await openBench({ before: withoutSubtle });
  });
  afterEach(() => bench?.close());

  const questions = () => bench.page.evaluate(() => globalThis.workers.map((worker) => worker.questions));

  it('takes two users through the story of a share, and breaks no policy', async () => {
    const users = await bench.page.evaluate(shareOnce, story);
    assert.deepEqual(users.read, story.values);
    assert.deepEqual(users.readAfterSigningInAgain, story.values);
    assert.deepEqual(bench.trouble, []);
    assert.deepEqual(bench.strayRequests, []);
  });

  it('starts nothing before it is needed', async () => {
    await bench.page.evaluate(() => globalThis.vaultshare.SymmetricKey.generate().encryptString('text'));
    assert.deepEqual(await questions(), []);
  });

  it('keeps the page alive while a key pair is made', async () => {
    const turns = await bench.page.evaluate(async () => {
      const turns = { timers: 0, frames: 0 };
      let over = false;
      const countTimers = () => {
        if (!over) {
          turns.timers += 1;
          setTimeout(countTimers, 0);
        }
      };
      const countFrames = () => {
        if (!over) {
          turns.frames += 1;
          requestAnimationFrame(countFrames);
        }
      };
      const making = globalThis.vaultshare.KeyPair.generate();
      countTimers();
      countFrames();
      await making;
      over = true;
      return turns;
    });
    // Were it made in the page's own thread, both would be called once.
    assert.ok(turns.timers > 3, `${turns.timers} timers fired meanwhile`);
    assert.ok(turns.frames > 3, `${turns.frames} frames were drawn meanwhile`);
    assert.deepEqual(await questions(), [['generate'], ['importKey']]);
  });

  it('does several things at once, in one worker for all but the making of key pairs', async () => {
    const outcome = await bench.page.evaluate(async () => {
      const { KeyPair, PublicKey } = globalThis.vaultshare;
      const pairs = await Promise.all([1, 2, 3].map(() => KeyPair.generate(2048)));
      const texts = await Promise.all(
        pairs.map(async (pair, index) => {
          const envelope = await PublicKey.import(pair.publicKeyPem).encryptBytes(
            new TextEncoder().encode(`text ${index}`),
          );
          return new TextDecoder().decode(await pair.decryptBytes(envelope));
        }),
      );
      const notFor = await PublicKey.import(pairs[0].publicKeyPem).encryptBytes(new Uint8Array([1]));
      const codes = await Promise.all(
        pairs.slice(1).map((pair) => pair.decryptBytes(notFor).catch((error) => error.code)),
      );
      return { texts, codes };
    });
    assert.deepEqual(outcome, {
      texts: ['text 0', 'text 1', 'text 2'],
      codes: ['DECRYPTION_FAILED', 'DECRYPTION_FAILED'],
    });
    const [first, second, third, shared, ...more] = await questions();
    assert.deepEqual([first, second, third, more], [['generate'], ['generate'], ['generate'], []]);
    assert.equal(shared.filter((operation) => operation === 'decrypt').length, 5);
  });

  it('reads and signs with a key while another is being made', async () => {
    const order = await bench.page.evaluate(async () => {
      const { KeyPair, PublicKey } = globalThis.vaultshare;
      const pair = await KeyPair.generate(2048);
      const finished = [];
      const making = KeyPair.generate(4096).then(() => finished.push('made'));
      const data = new Uint8Array([1, 2, 3]);
      const signed = await pair.sign(data);
      finished.push(`signed ${await PublicKey.import(pair.publicKeyPem).verify(signed)}`);
      await making;
      return finished;
    });
    assert.deepEqual(order, ['signed 1,2,3', 'made']);
  });

  it('forgets a private key with its key pair', async () => {
    await bench.page.evaluate(async () => {
      const pair = await globalThis.vaultshare.KeyPair.generate(2048);
      pair.free();
      // Told to the worker in a turn of its own.
      await new Promise((resolve) => {
        setTimeout(resolve, 0);
      });
    });
    assert.deepEqual(await questions(), [['generate'], ['importKey', 'forgetKey']]);
  });

  it('tells that its code could not be loaded, and loads it the next time', async () => {
    await bench.page.route('**/on_demand_bg.wasm', (route) => route.abort());
    const make = () =>
      bench.page.evaluate(() =>
        globalThis.vaultshare.KeyPair.generate(2048).then(
          () => 'made',
          ({ code, message }) => ({ code, message }),
        ),
      );
    const { code, message } = await make();
    assert.equal(code, 'NETWORK');
    assert.match(message, /could not be loaded from http.*on_demand_bg\.wasm/);
    await bench.page.unroute('**/on_demand_bg.wasm');
    assert.equal(await make(), 'made');
  });

  for (const [where, prepare] of [
    [
      'there are no workers',
      () => {
        delete globalThis.Worker;
      },
    ],
    [
      'workers may not be started',
      () => {
        globalThis.Worker = class {
          constructor() {
            throw new DOMException('not here', 'SecurityError');
          }
        };
      },
    ],
  ]) {
    it(`works in the page’s own thread where ${where}`, async () => {
      await bench.page.evaluate(prepare);
      const text = await bench.page.evaluate(async () => {
        const { KeyPair, PublicKey } = globalThis.vaultshare;
        const [pair] = await Promise.all([KeyPair.generate(2048), KeyPair.generate(2048)]);
        const envelope = await PublicKey.import(pair.publicKeyPem).encryptBytes(new TextEncoder().encode('text'));
        return new TextDecoder().decode(await pair.decryptBytes(envelope));
      });
      assert.equal(text, 'text');
      assert.deepEqual(bench.trouble, []);
    });
  }

  it('works in the page’s own thread where its policy allows no workers', async () => {
    const text = await bench.page.evaluate(async () => {
      const policy = document.createElement('meta');
      policy.httpEquiv = 'Content-Security-Policy';
      policy.content = "worker-src 'none'";
      document.head.append(policy);
      const pair = await globalThis.vaultshare.KeyPair.generate(2048);
      return pair.publicKeyPem.split('\r\n')[0];
    });
    assert.equal(text, '-----BEGIN PUBLIC KEY-----');
  });
});
