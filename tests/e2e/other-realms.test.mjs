/** Objects from another frame of the page: they are of other classes than the page's, and mean the same. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBench } from './support/bench.mjs';
import { installMisbehavingFetch } from './support/misbehaving-fetch.mjs';

describe('an object from another frame', () => {
  let bench;

  before(async () => {
    bench = await openBench();
    await bench.page.evaluate(installMisbehavingFetch);
    await bench.page.evaluate(async () => {
      const { VaultClient } = globalThis.vaultshare;
      const frame = document.createElement('iframe');
      document.body.append(frame);
      globalThis.there = frame.contentWindow;
      globalThis.client = new VaultClient({
        ...globalThis.services,
        fetch: globalThis.misbehavingFetch,
        retries: 0,
        prepareKeyPairs: false,
      });
      globalThis.alice = await globalThis.client.createUser('supersecretpassword');
      globalThis.bob = await globalThis.client.createUser('supersecretpassword');
      const invitation = await globalThis.alice.invitations.create({ name: 'Bob' });
      globalThis.connectionId = (
        await globalThis.bob.connections.accept(invitation.token, { name: 'Alice' })
      ).otherConnectionId;
      globalThis.item = await globalThis.alice.items.create({
        template: 'vehicle',
        label: 'Car',
        slots: { licence_plate: 'OUTATIME' },
      });
      globalThis.outcome = async (call) => {
        try {
          return { value: await call() };
        } catch (error) {
          return { code: error?.code ?? String(error), message: error?.message };
        }
      };
    });
  });
  after(() => bench?.close());

  it('is of another class indeed', async () => {
    const own = await bench.page.evaluate(() =>
      ['Date', 'Uint8Array', 'AbortSignal', 'Object', 'Array'].filter(
        (name) => globalThis[name] === globalThis.there[name],
      ),
    );
    assert.deepEqual(own, []);
  });

  it('is taken where it is a Uint8Array', async () => {
    const read = await bench.page.evaluate(async () => {
      const { SymmetricKey, KeyPair, PublicKey } = globalThis.vaultshare;
      const [key, pair] = [SymmetricKey.generate(), await KeyPair.generate(2048)];
      const publicKey = PublicKey.import(pair.publicKeyPem);
      const make = () => new globalThis.there.Uint8Array([9, 1, 2, 3]).subarray(1);
      const { outcome } = globalThis;
      const salt = new Uint8Array(16).fill(7);
      const derived = await SymmetricKey.fromPassphrase('x', salt, 20_000);
      return [
        await outcome(async () => [...(await key.decryptBytes(await key.encryptBytes(make())))]),
        await outcome(async () => [...(await pair.decryptBytes(await publicKey.encryptBytes(make())))]),
        await outcome(async () => [...(await publicKey.verify(await pair.sign(make())))]),
        await outcome(
          async () =>
            (await SymmetricKey.fromPassphrase('x', new globalThis.there.Uint8Array(salt), 20_000)).export() ===
            derived.export(),
        ),
      ];
    });
    assert.deepEqual(read, [{ value: [1, 2, 3] }, { value: [1, 2, 3] }, { value: [1, 2, 3] }, { value: true }]);
  });

  it('is taken where it is a Date', async () => {
    const times = await bench.page.evaluate(async () => {
      const { alice, connectionId, item, outcome, there } = globalThis;
      const make = (time) => new there.Date(time);
      const shared = await outcome(() =>
        alice.shares.create({ itemId: item.id, connectionId, expiresAt: make('2090-01-01T00:00:00Z') }),
      );
      const {
        entries: [share],
      } = await alice.shares.outgoing();
      const id = share?.id ?? (await alice.shares.create({ itemId: item.id, connectionId })).id;
      const changed = await outcome(() =>
        alice.shares.change({ shareId: id, itemId: item.id, connectionId, expiresAt: make('2091-01-01T00:00:00Z') }),
      );
      const inSpace = await outcome(() =>
        alice.encryptionSpaces.share({ itemId: item.id, connectionId, expiresAt: make('2092-01-01T00:00:00Z') }),
      );
      return [shared, changed, inSpace].map(({ value, code }) => code ?? new Date(value.expiresAt).getUTCFullYear());
    });
    assert.deepEqual(times, [2090, 2091, 2092]);
  });

  it('is refused where it is a Date that is none', async () => {
    const outcomes = await bench.page.evaluate(async () => {
      const { alice, connectionId, item, outcome, there } = globalThis;
      const expiresAt = new there.Date(NaN);
      return [
        await outcome(() => alice.shares.create({ itemId: item.id, connectionId, expiresAt })),
        await outcome(() => alice.shares.change({ shareId: item.id, itemId: item.id, connectionId, expiresAt })),
        await outcome(() => alice.encryptionSpaces.share({ itemId: item.id, connectionId, expiresAt })),
      ];
    });
    for (const { code, message } of outcomes) {
      assert.equal(code, 'INVALID_ARGUMENT');
      assert.match(message, /expiresAt/);
    }
  });

  it('is taken where it is an AbortSignal, and heeded', async () => {
    const outcomes = await bench.page.evaluate(async () => {
      const { alice, item, outcome, there } = globalThis;
      const results = [];
      results.push(
        await outcome(async () =>
          (await alice.items.get(item.id, { signal: new there.AbortController().signal })).value('licence_plate'),
        ),
      );
      results.push(await outcome(() => alice.items.get(item.id, { signal: there.AbortSignal.abort('a reason') })));
      globalThis.misbehave = { hang: true };
      const controller = new there.AbortController();
      const pending = outcome(() => alice.items.get(item.id, { signal: controller.signal }));
      setTimeout(() => controller.abort('a reason'), 50);
      results.push(await pending);
      globalThis.misbehave = {};
      return results.map(({ value, code }) => value ?? code);
    });
    assert.deepEqual(outcomes, ['OUTATIME', 'ABORTED', 'ABORTED']);
  });

  it('is taken where it is plain data or a list', async () => {
    const value = await bench.page.evaluate(async () => {
      const { alice, there } = globalThis;
      const of = (given) => there.JSON.parse(JSON.stringify(given));
      const made = await alice.items.create(
        of({ template: 'vehicle', label: 'x', slots: [{ name: 'licence_plate', value: 'THERE' }] }),
      );
      const [{ item }] = await alice.items.getMany(of([made.id]));
      return item.value('licence_plate');
    });
    assert.equal(value, 'THERE');
  });

  it('is refused where it is something else, as one of the page would be', async () => {
    const codes = await bench.page.evaluate(async () => {
      const { alice, item, outcome, there } = globalThis;
      const { SymmetricKey } = globalThis.vaultshare;
      const key = SymmetricKey.generate();
      const wrong = [new there.Map(), new there.Date(), new there.Uint8Array(3), new there.Number(5)];
      const results = [];
      for (const given of wrong) {
        results.push(await outcome(() => alice.items.update(item.id, { slots: { licence_plate: given } })));
        results.push(await outcome(() => alice.items.list({}, { signal: given })));
      }
      for (const given of [new there.Float32Array(3), new there.ArrayBuffer(3), new there.Array(3)])
        results.push(await outcome(() => key.encryptBytes(given)));
      return results.map(({ code }) => code);
    });
    assert.deepEqual(
      codes,
      codes.map(() => 'INVALID_ARGUMENT'),
    );
  });

  it('may be the fetch, or what it answers', async () => {
    const outcome = await bench.page.evaluate(async () => {
      const { VaultClient } = globalThis.vaultshare;
      const { services, there, alice, item } = globalThis;
      const client = new VaultClient({ ...services, fetch: (request) => there.fetch(request), prepareKeyPairs: false });
      const session = await client.signIn(alice.secret, 'supersecretpassword');
      return globalThis.outcome(async () => (await session.items.get(item.id)).value('licence_plate'));
    });
    assert.deepEqual(outcome, { value: 'OUTATIME' });
  });

  it('leaves nothing broken', () => {
    assert.deepEqual(bench.trouble, []);
  });
});
