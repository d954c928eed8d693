/**
 * The guides' stories through the package in a browser: Alice shares with Bob under terms, Bob shares on to Carlos, and
 * what Alice changes reaches both. Then the same across the line: one user on the page, the other at a terminal.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBench } from './support/bench.mjs';
import { openTerminal } from './support/terminal.mjs';

const passphrase = 'supersecretpassword';
const terms = 'You may not use this information for advertising';
const values = { licence_plate: 'NotACatDefsACar', vin: '123' };

describe('the guides in a browser', () => {
  let bench;

  before(async () => {
    bench = await openBench();
    await bench.page.evaluate(
      async (given) => {
        const { VaultClient } = globalThis.vaultshare;
        const client = new VaultClient(globalThis.services);
        const connect = async (inviter, invitee) => {
          const { token } = await inviter.invitations.create({ name: 'invitee' });
          const accepted = await invitee.connections.accept(token, { name: 'inviter' });
          return accepted.otherConnectionId;
        };
        const [alice, bob, carlos] = [
          await client.createUser(given.passphrase),
          await client.createUser(given.passphrase),
          await client.createUser(given.passphrase),
        ];
        /** The code with which something fails. */
        const codeOf = (promise) =>
          promise.then(
            () => 'no error',
            (error) => error.code,
          );
        Object.assign(globalThis, {
          client,
          alice,
          bob,
          carlos,
          codeOf,
          toBob: await connect(alice, bob),
          toCarlos: await connect(bob, carlos),
          car: await alice.items.create({ template: 'vehicle', label: 'DeLorean', slots: given.values }),
        });
      },
      { passphrase, values },
    );
  });
  after(() => bench?.close());

  it('shows a recipient the terms first, and the values once they are accepted', async () => {
    const seen = await bench.page.evaluate(
      async (given) => {
        const { alice, bob, car, toBob, codeOf } = globalThis;
        const share = await alice.shares.create({
          itemId: car.id,
          connectionId: toBob,
          terms: given.terms,
          onSharing: true,
        });
        globalThis.aliceToBob = share;
        const before = await codeOf(bob.shares.get(share.id));
        const info = await bob.shares.info(share.id);
        const waiting = await bob.shares.incoming({ mustAccept: true });
        const accepted = await bob.shares.accept(share.id);
        const { item } = await bob.shares.get(share.id);
        globalThis.bobsCar = item;
        const left = await bob.shares.incoming({ mustAccept: true });
        return {
          before,
          info,
          waiting: waiting.entries.length,
          left: left.entries.length,
          accepted: accepted.acceptance,
          item,
          plate: item.value('licence_plate'),
          original: car.id,
          owner: alice.userId,
          shareId: share.id,
        };
      },
      { terms },
    );
    assert.equal(seen.before, 'ACCEPTANCE_REQUIRED');
    assert.deepEqual(
      [seen.info.terms, seen.info.acceptance, seen.info.sharingMode],
      [terms, 'acceptance_required', 'anyone'],
    );
    assert.equal(seen.info.encryptedDek, undefined);
    assert.deepEqual([seen.waiting, seen.accepted, seen.left], [1, 'accepted', 0]);
    assert.equal(seen.plate, values.licence_plate);
    assert.notEqual(seen.item.id, seen.original);
    assert.deepEqual(
      [seen.item.originalId, seen.item.ownerId, seen.item.shareId],
      [seen.original, seen.owner, seen.shareId],
    );
  });

  it('lets a recipient share on who may, and nobody further', async () => {
    const seen = await bench.page.evaluate(async () => {
      const { alice, bob, carlos, bobsCar, toCarlos, codeOf } = globalThis;
      const tooMuch = await codeOf(bob.shares.create({ itemId: bobsCar.id, connectionId: toCarlos, onSharing: true }));
      const share = await bob.shares.create({ itemId: bobsCar.id, connectionId: toCarlos });
      globalThis.bobToCarlos = share;
      const { item } = await carlos.shares.get(share.id);
      const { token } = await carlos.invitations.create({ name: 'Alice' });
      const { otherConnectionId } = await alice.connections.accept(token, { name: 'Carlos' });
      const further = await codeOf(carlos.shares.create({ itemId: item.id, connectionId: otherConnectionId }));
      return {
        tooMuch,
        further,
        plate: item.value('licence_plate'),
        original: item.originalId,
        car: globalThis.car.id,
        sent: (await bob.shares.get(share.id)).item.id === bobsCar.id,
        sender: share.senderId === bob.userId,
      };
    });
    assert.deepEqual([seen.tooMuch, seen.further], ['ON_SHARING_NOT_PERMITTED', 'ON_SHARING_NOT_PERMITTED']);
    assert.deepEqual([seen.plate, seen.original], [values.licence_plate, seen.car]);
    assert.ok(seen.sent && seen.sender);
  });

  it('brings a change to everyone when the owner runs the one task it left', async () => {
    const seen = await bench.page.evaluate(async () => {
      const { alice, bob, carlos, car, aliceToBob, bobToCarlos } = globalThis;
      const vin = car.slots.find((slot) => slot.name === 'vin');
      const slots = [
        { name: 'licence_plate', value: 'OUTATIME' },
        { label: 'Top Speed', value: '88 mph' },
        { id: vin.id, remove: true },
      ];
      const { outstandingTasks } = await alice.items.update(car.id, { slots });
      const tasks = await alice.tasks.list();
      const stale = (await carlos.shares.get(bobToCarlos.id)).item.value('licence_plate');
      const run = await alice.tasks.run({ limit: 1 });
      const read = async (user, share) => {
        const { item } = await user.shares.get(share.id);
        return ['licence_plate', 'top_speed', 'vin'].map((name) => String(item.value(name)));
      };
      return {
        outstandingTasks,
        tasks: tasks.entries,
        stale,
        completed: run.completed,
        failed: run.failed.length,
        count: await alice.tasks.count(),
        bob: await read(bob, aliceToBob),
        carlos: await read(carlos, bobToCarlos),
      };
    });
    assert.deepEqual(seen.outstandingTasks, { todo: 1, inProgress: 0 });
    assert.deepEqual(
      seen.tasks.map((task) => [task.state, task.workType]),
      [['todo', 'update_item_shares']],
    );
    assert.equal(seen.stale, values.licence_plate);
    assert.deepEqual([seen.completed.length, seen.completed[0].state, seen.failed], [1, 'done', 0]);
    assert.deepEqual(seen.count, { todo: 0, inProgress: 0 });
    const now = ['OUTATIME', '88 mph', 'undefined'];
    assert.deepEqual([seen.bob, seen.carlos], [now, now]);
  });

  it('shares one slot, lists page by page, refuses an end in the past, and ends shares from either side', async () => {
    const seen = await bench.page.evaluate(async () => {
      const { alice, bob, toBob, codeOf } = globalThis;
      const item = await alice.items.create({
        template: 'vehicle',
        label: 'One slot',
        slots: { vin: '1', type: 'car' },
      });
      const to = { itemId: item.id, connectionId: toBob };
      const past = await codeOf(alice.shares.create({ ...to, expiresAt: '2020-01-01T00:00:00Z' }));
      const slotId = item.slots.find((slot) => slot.name === 'vin').id;
      const share = await alice.shares.create({ ...to, slotId, expiresAt: new Date(Date.now() + 86_400_000) });
      const { item: received } = await bob.shares.get(share.id);
      const first = await bob.shares.incoming({}, { perPage: 1 });
      const second = await bob.shares.incoming({}, { perPage: 1, after: first.next });
      const pages = [first.entries.length, second.entries.length, typeof first.next, typeof second.next];
      await bob.shares.delete(share.id);
      const gone = await codeOf(bob.items.get(received.id));
      const again = await alice.shares.create(to);
      await alice.shares.delete(again.id);
      const goneToo = await codeOf(bob.shares.get(again.id));
      const outgoing = await alice.shares.outgoing({ itemIds: [item.id] });
      return {
        past,
        names: received.slots.map((slot) => slot.name),
        pages,
        gone,
        goneToo,
        outgoing: outgoing.entries.length,
      };
    });
    assert.notEqual(seen.past, 'no error');
    assert.deepEqual(seen.names, ['vin']);
    assert.deepEqual(seen.pages, [1, 1, 'string', 'undefined']);
    assert.deepEqual([seen.gone, seen.goneToo, seen.outgoing], ['NOT_FOUND', 'NOT_FOUND', 0]);
  });

  it("crosses between page and terminal: each signs the other's users in and reads the other's shares", async () => {
    const terminal = await openTerminal(bench.url);
    try {
      // A user of the terminal signs in on the page.
      await terminal.run('users:create', '-p', passphrase, '-o', 'carlos.yaml');
      const secret = (await terminal.read('carlos.yaml')).match(/secret: (\S+)/)[1];
      const plate = await bench.page.evaluate(
        async (given) => {
          const session = await globalThis.client.signIn(given.secret, given.passphrase);
          const item = await session.items.create({
            template: 'vehicle',
            label: 'Made on the page',
            slots: { vin: '42' },
          });
          return (await session.items.get(item.id)).value('vin');
        },
        { secret, passphrase },
      );
      assert.equal(plate, '42');
      assert.match(await terminal.run('items:list', '-a', 'carlos.yaml'), /label: Made on the page/);

      // A user of the page signs in at the terminal, which accepts her invitation as somebody else.
      const alice = await bench.page.evaluate(async () => {
        const { token } = await globalThis.alice.invitations.create({ name: 'terminal' });
        return { secret: globalThis.alice.secret, token };
      });
      await terminal.run('users:login', '-p', passphrase, '-s', alice.secret, '-o', 'alice.yaml');
      assert.match(await terminal.run('items:list', '-a', 'alice.yaml'), /label: DeLorean/);
      const accepted = await terminal.run('connections:accept', alice.token, '-n', 'Alice', '-a', 'carlos.yaml');
      const [ownId, otherId] = [...accepted.matchAll(/^ {4}id: (\S+)$/gm)].map((match) => match[1]);

      // What the page shares, the terminal reads; what the terminal shares, the page reads.
      const shareId = await bench.page.evaluate(async (connectionId) => {
        const { alice: owner, car } = globalThis;
        return (await owner.shares.create({ itemId: car.id, connectionId })).id;
      }, otherId);
      assert.match(await terminal.run('shares:get-incoming', shareId, '-a', 'carlos.yaml'), /value: OUTATIME/);
      await terminal.write('connection.yaml', `kind: Connection\nspec:\n  from_user_connection_id: ${ownId}\n`);
      await terminal.write(
        'item.yaml',
        'kind: Item\nmetadata:\n  template_name: vehicle\nspec:\n  label: Typed\n  slots:\n  - name: vin\n    value: "Größe ⚡"\n',
      );
      await terminal.write('made.yaml', await terminal.run('items:create', '-i', 'item.yaml', '-a', 'carlos.yaml'));
      await terminal.write(
        'share.yaml',
        await terminal.run('shares:create-config', '-f', 'carlos.yaml', '-c', 'connection.yaml', '-i', 'made.yaml'),
      );
      const shared = await terminal.run('shares:create', '-c', 'share.yaml');
      const read = await bench.page.evaluate(
        async (id) => (await globalThis.alice.shares.get(id)).item.value('vin'),
        shared.match(/- id: (\S+)/)[1],
      );
      assert.equal(read, 'Größe ⚡');
    } finally {
      await terminal.close();
    }
  });
});
