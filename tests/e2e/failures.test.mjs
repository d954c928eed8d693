/**
 * When things go wrong in the browser: each failure has its own code, arrives as a VaultError, and leaves the module
 * working. The last matters most: a panic in WebAssembly would take every other session on the page with it.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { openBench } from './support/bench.mjs';
import { installMisbehavingFetch } from './support/misbehaving-fetch.mjs';

const passphrase = 'supersecretpassword';
const values = { licence_plate: 'NotACatDefsACar' };

describe('a failure in the browser', () => {
  let bench;
  let panics;

  before(async () => {
    bench = await openBench();
    await bench.page.evaluate(installMisbehavingFetch);
    await bench.page.evaluate(
      async (given) => {
        const { VaultClient } = globalThis.vaultshare;
        globalThis.makeClient = (options) =>
          new VaultClient({ ...globalThis.services, fetch: globalThis.misbehavingFetch, ...options });
        globalThis.client = globalThis.makeClient({ retries: 0 });
        globalThis.alice = await globalThis.client.createUser(given.passphrase);
        globalThis.bob = await globalThis.client.createUser(given.passphrase);
        globalThis.item = await globalThis.alice.items.create({
          template: 'vehicle',
          label: 'DeLorean',
          slots: given.values,
        });
      },
      { passphrase, values },
    );
  });
  after(() => bench?.close());

  beforeEach(() => {
    panics = bench.trouble.filter(isPanic).length;
  });
  afterEach(async () => {
    const stillWorks = await bench.page.evaluate(async () => {
      globalThis.misbehave = {};
      return (await globalThis.alice.items.get(globalThis.item.id)).value('licence_plate');
    });
    assert.equal(stillWorks, values.licence_plate, 'the module does not work any more');
    assert.equal(bench.trouble.filter(isPanic).length, panics, 'the module panicked');
  });

  /** Runs `work` in the page and tells how it failed. */
  const failure = (work, given) =>
    bench.page.evaluate(
      async ({ source, given: passed }) => {
        const run = globalThis.runnable[source];
        try {
          return { succeededWith: String(await run(passed)) };
        } catch (error) {
          const { VaultError, isVaultError } = globalThis.vaultshare;
          return {
            code: error.code,
            status: error.status,
            name: error.name,
            text: `${error.message} ${error.stack} ${String(error.cause)}`,
            cause: error.cause instanceof Error ? error.cause.name : error.cause,
            typed: error instanceof VaultError && error instanceof Error && isVaultError(error),
          };
        }
      },
      { source: work, given },
    );

  const expectFailure = async (work, code, given) => {
    const failed = await failure(work, given);
    assert.equal(failed.code, code, JSON.stringify(failed));
    assert.ok(failed.typed, 'the error is no VaultError');
    assert.equal(failed.name, 'VaultError');
    assert.ok(!failed.text.includes(passphrase), 'the error tells the passphrase');
    return failed;
  };

  before(() =>
    bench.page.evaluate(() => {
      globalThis.runnable = {
        signInWith: ({ secret, passphrase: attempt }) =>
          globalThis.client.signIn(secret ?? globalThis.alice.secret, attempt),
        readItem: () => globalThis.alice.items.get(globalThis.item.id),
        shareWithBob: () =>
          globalThis.alice.shares.create({ itemId: globalThis.item.id, connectionId: globalThis.connectionToBob }),
        createUser: (attempt) => globalThis.client.createUser(attempt),
        readAndAbort: async ({ before: early, reason }) => {
          const controller = new AbortController();
          if (early) controller.abort(reason);
          else setTimeout(() => controller.abort(reason), 50);
          return globalThis.alice.items.get(globalThis.item.id, { signal: controller.signal });
        },
        signInWithin: ({ secret = globalThis.alice.secret, passphrase: attempt, timeoutMs }) =>
          globalThis.makeClient({ timeoutMs, retries: 0 }).signIn(secret, attempt),
        useAfterClose: async (attempt) => {
          const session = await globalThis.client.signIn(globalThis.alice.secret, attempt);
          session.close();
          session.close(); // Twice does no harm.
          return session.items.list();
        },
        useAfterSignOut: async (attempt) => {
          const session = await globalThis.client.signIn(globalThis.alice.secret, attempt);
          await session.signOut();
          return session.items.get(globalThis.item.id);
        },
        closeWhileReading: async (attempt) => {
          const session = await globalThis.client.signIn(globalThis.alice.secret, attempt);
          globalThis.misbehave = { delay: 200 };
          const reading = session.items.get(globalThis.item.id);
          session.close();
          try {
            globalThis.endedWith = (await reading).value('licence_plate');
          } catch (error) {
            globalThis.endedWith = error.code;
          }
          return session.items.list();
        },
      };
    }),
  );

  it('is LOGIN_FAILED for a wrong passphrase, and the right one still works', async () => {
    await expectFailure('signInWith', 'LOGIN_FAILED', { passphrase: 'wrong' });
    const again = await failure('signInWith', { passphrase });
    assert.ok(again.succeededWith, JSON.stringify(again));
  });

  it('is none for a passphrase in the other of Unicode’s forms', async () => {
    const secret = await bench.page.evaluate(
      async () => (await globalThis.client.createUser('Gro\u0308\u00dfe')).secret,
    );
    for (const spelled of ['Gr\u00f6\u00dfe', 'Gro\u0308\u00dfe']) {
      const again = await failure('signInWith', { secret, passphrase: spelled });
      assert.ok(again.succeededWith, JSON.stringify(again));
    }
    await expectFailure('signInWith', 'LOGIN_FAILED', { secret, passphrase: 'Gro\u00dfe' });
  });

  it('is LOGIN_FAILED for a well-formed secret that is not the user’s', async () => {
    const secret = await bench.page.evaluate(
      () => `1.${globalThis.alice.secret.split('.')[1]}.${globalThis.bob.secret.split('.')[2]}`,
    );
    await expectFailure('signInWith', 'LOGIN_FAILED', { secret, passphrase });
  });

  it('is INVALID_SECRET for something that is no secret', async () => {
    for (const secret of ['', 'hello', '1.name', '2.name.abcdef-abcdef', '1..', 'ü.ü.ü']) {
      await expectFailure('signInWith', 'INVALID_SECRET', { secret, passphrase });
    }
  });

  it('is DECRYPTION_FAILED when one bit of a ciphertext was changed', async () => {
    await bench.page.evaluate(() => {
      globalThis.misbehave = { flipOneBitOf: 'encrypted_value' };
    });
    await expectFailure('readItem', 'DECRYPTION_FAILED');
  });

  it('is MALFORMED_ENVELOPE when a ciphertext is none', async () => {
    for (const envelope of ['hello', 'Aes256Gcm..', 'Aes256Gcm.AAAA.QUFBQQ==', 'Aes256Gcm.AAAA']) {
      await bench.page.evaluate((text) => {
        globalThis.misbehave = { replace: { encrypted_value: text } };
      }, envelope);
      const failed = await failure('readItem');
      assert.ok(
        ['MALFORMED_ENVELOPE', 'DECRYPTION_FAILED', 'BAD_RESPONSE'].includes(failed.code),
        `${envelope}: ${JSON.stringify(failed)}`,
      );
    }
  });

  it('is WEAK_KEY when the server hands out an RSA-512 key as Bob’s, and nothing is sent to it', async () => {
    const weakKey = generateKeyPairSync('rsa', { modulusLength: 512 })
      .publicKey.export({ type: 'spki', format: 'pem' })
      .replaceAll('\n', '\r\n');
    await bench.page.evaluate(async (pem) => {
      const invitation = await globalThis.alice.invitations.create({ name: 'Bob' });
      const bobsEnd = await globalThis.bob.connections.accept(invitation.token, { name: 'Alice' });
      globalThis.connectionToBob = bobsEnd.otherConnectionId;
      globalThis.misbehave = { otherUsersKey: pem };
      globalThis.requests.length = 0;
    }, weakKey);
    await expectFailure('shareWithBob', 'WEAK_KEY');
    const requests = await bench.page.evaluate(() => {
      globalThis.misbehave = {};
      return globalThis.requests;
    });
    assert.ok(
      requests.some((request) => request.startsWith('GET') && request.includes('/connections')),
      'the connection was not looked up',
    );
    assert.ok(!requests.some((request) => request.startsWith('POST')), `something was sent: ${requests.join(', ')}`);
    const again = await failure('shareWithBob');
    assert.ok(again.succeededWith, `Bob’s real key is refused now: ${JSON.stringify(again)}`);
  });

  it('is NETWORK while the server is down, and everything goes on when it is back', async () => {
    await bench.stopServer();
    try {
      assert.equal((await expectFailure('readItem', 'NETWORK')).cause, 'TypeError');
      await expectFailure('signInWith', 'NETWORK', { passphrase });
      await expectFailure('createUser', 'NETWORK', passphrase);
    } finally {
      await bench.restartServer();
    }
    const again = await failure('signInWith', { passphrase });
    assert.ok(again.succeededWith, JSON.stringify(again));
  });

  it('is NETWORK when a fetch of the application’s own fails with anything at all', async () => {
    await bench.page.evaluate(() => {
      globalThis.misbehave = { rejectWith: 'a string, not an Error' };
    });
    assert.equal((await expectFailure('readItem', 'NETWORK')).cause, 'a string, not an Error');
  });

  it('is ABORTED when the caller aborts, before or during the call, whatever the reason', async () => {
    for (const reason of [undefined, 'a string', 0]) {
      await bench.page.evaluate(() => {
        globalThis.misbehave = { hang: true };
      });
      await expectFailure('readAndAbort', 'ABORTED', { before: true, reason });
      await expectFailure('readAndAbort', 'ABORTED', { before: false, reason });
    }
  });

  it('is TIMEOUT when the server does not answer in time, also where fetch ignores its signal', async () => {
    for (const misbehaviour of [{ hang: true }, { hang: true, ignoreSignal: true }]) {
      await bench.page.evaluate((how) => {
        globalThis.misbehave = how;
      }, misbehaviour);
      await expectFailure('signInWithin', 'TIMEOUT', { passphrase, timeoutMs: 200 });
    }
  });

  it('is SESSION_CLOSED after close() and after signOut()', async () => {
    await expectFailure('useAfterClose', 'SESSION_CLOSED', passphrase);
    await expectFailure('useAfterSignOut', 'SESSION_CLOSED', passphrase);
  });

  it('is SESSION_CLOSED after a close() during a call, which itself ends as it was going to or with SESSION_CLOSED', async () => {
    await expectFailure('closeWhileReading', 'SESSION_CLOSED', passphrase);
    const endedWith = await bench.page.evaluate(() => globalThis.endedWith);
    assert.ok(
      [values.licence_plate, 'SESSION_CLOSED'].includes(endedWith),
      `the call under way ended with ${endedWith}`,
    );
  });

  it('is BAD_RESPONSE when an answer makes no sense', async () => {
    for (const body of ['', '<html>', '[]', '{"item":{}}', 'null', '{"item":']) {
      await bench.page.evaluate((text) => {
        globalThis.misbehave = { body: text };
      }, body);
      await expectFailure('readItem', 'BAD_RESPONSE');
    }
  });

  it('is BAD_RESPONSE, and tells to look at the URL, when what answers is no Vault or Keystore', async () => {
    for (const misbehaviour of [
      { status: 404, body: 'Cannot POST /srp/challenges' },
      { status: 405 },
      { status: 200, body: '<!doctype html><title>Welcome</title>' },
    ]) {
      await bench.page.evaluate((how) => {
        globalThis.misbehave = how;
      }, misbehaviour);
      for (const call of ['readItem', 'signInWith']) {
        const failed = await expectFailure(call, 'BAD_RESPONSE', { passphrase });
        assert.equal(failed.status, misbehaviour.status);
        assert.match(failed.text, /base URL/);
      }
    }
  });

  it('is SERVER_ERROR when the server fails', async () => {
    await bench.page.evaluate(() => {
      globalThis.misbehave = { status: 500, body: 'out of order' };
    });
    assert.equal((await expectFailure('readItem', 'SERVER_ERROR')).status, 500);
  });
});

function isPanic(sentence) {
  return /panicked|unreachable|RuntimeError|recursive use/.test(sentence);
}
