// One story in which every second step is taken by the other side: the unmodified SDK of September 2020 and ours share with
// each other, on from each other, and bring each other's changes.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import sdk from '@meeco/sdk';

import { VaultClient, withCode } from './ours.mjs';

const BASE = process.env.VAULTSHARE_SERVER_URL;
assert.ok(BASE, 'VAULTSHARE_SERVER_URL says where the server is; cargo xtask test interop starts one');

const services = { vaultUrl: `${BASE}/vault`, keystoreUrl: `${BASE}/keystore` };
const environment = new sdk.Environment({
  vault: { url: services.vaultUrl, subscription_key: 'interop' },
  keystore: { url: services.keystoreUrl, subscription_key: 'interop', provider_api_key: '' },
});
const theirs = {
  users: new sdk.UserService(environment),
  items: new sdk.ItemService(environment),
  connections: new sdk.ConnectionService(environment),
  shares: new sdk.ShareService(environment),
  tasks: new sdk.ClientTaskQueueService(environment),
};
const passphrase = 'supersecretpassword';
const terms = 'You may not use this information for advertising';

async function newUserOfTheirs() {
  const username = await theirs.users.generateUsername();
  return theirs.users.create(passphrase, await new sdk.SecretService().generateSecret(username));
}

async function makeItemOfTheirs(user, values) {
  const slots = Object.entries(values).map(([name, value]) => ({ name, value }));
  const config = new sdk.ItemCreateData({ template_name: 'vehicle', item: { label: 'DeLorean' }, slots });
  return (await theirs.items.create(user.vault_access_token, user.data_encryption_key, config)).item;
}

const valueNamed = ({ slots }, name) => slots.find((slot) => slot.name === name)?.value;

describe('the SDK of 2020 and ours', { concurrency: false }, () => {
  let [alice, carlos, bob, dora] = [];
  /** Ids of connections: of a user of theirs or of ours, with another. */
  const connections = {};

  before(async () => {
    sdk.configureFetch(fetch);
    const client = new VaultClient(services);
    [alice, carlos, bob, dora] = [
      await newUserOfTheirs(),
      await newUserOfTheirs(),
      await client.createUser(passphrase),
      await client.createUser(passphrase),
    ];
  });

  test('connect, whoever invites', async () => {
    const ofTheirs = await theirs.connections.createInvitation('Ours', alice);
    const accepted = await bob.connections.accept(ofTheirs.token, { name: 'Theirs' });
    connections.aliceToBob = accepted.otherConnectionId;
    const ofOurs = await bob.invitations.create({ name: 'Theirs' });
    const { own, the_other_user } = await theirs.connections.acceptInvitation('Ours', ofOurs.token, carlos);
    connections.bobToCarlos = the_other_user.id;
    connections.carlosToBob = own.id;
    const toDora = await theirs.connections.createInvitation('Ours', carlos);
    connections.carlosToDora = (await dora.connections.accept(toDora.token, { name: 'Theirs' })).otherConnectionId;
    const numbers = (await bob.connections.list()).entries.map(({ safetyNumber }) => safetyNumber);
    assert.equal(new Set(numbers).size, 2);
  });

  test('share from theirs to ours under terms, on to theirs, and theirs bring a change to both', async () => {
    const item = await makeItemOfTheirs(alice, { licence_plate: 'NotACatDefsACar', vin: '1' });
    const options = { sharing_mode: 'anyone', acceptance_required: 'acceptance_required', terms };
    const {
      shares: [share],
    } = await theirs.shares.shareItem(alice, connections.aliceToBob, item.id, options);
    await assert.rejects(bob.shares.get(share.id), withCode('ACCEPTANCE_REQUIRED'));
    assert.equal((await bob.shares.accept(share.id)).terms, terms);
    const { item: received } = await bob.shares.get(share.id);
    assert.deepEqual([received.value('licence_plate'), received.value('vin')], ['NotACatDefsACar', '1']);

    const onShare = await bob.shares.create({ itemId: received.id, connectionId: connections.bobToCarlos });
    assert.equal(valueNamed(await theirs.shares.getSharedItemIncoming(carlos, onShare.id), 'vin'), '1');

    const change = new sdk.ItemUpdateData({ id: item.id, label: 'DeLorean', slots: [{ name: 'vin', value: '2' }] });
    await theirs.items.update(alice.vault_access_token, alice.data_encryption_key, change);
    const { client_tasks } = await theirs.tasks.list(alice.vault_access_token);
    await theirs.tasks.updateSharesClientTasks(client_tasks, alice);
    assert.equal((await bob.shares.get(share.id)).item.value('vin'), '2');
    assert.equal(valueNamed(await theirs.shares.getSharedItemIncoming(carlos, onShare.id), 'vin'), '2');
  });

  test('an item of ours is empty to theirs until something is typed into it, and again when it is emptied', async () => {
    const item = await bob.items.create({ template: 'vehicle', label: 'Empty', slots: {} });
    const share = await bob.shares.create({ itemId: item.id, connectionId: connections.bobToCarlos });
    for (const typed of [null, 'NotACatDefsACar', null]) {
      await bob.items.update(item.id, { slots: { vin: typed } });
      const { completed } = await bob.tasks.run();
      assert.deepEqual(
        completed.flatMap(({ leftOut }) => leftOut),
        [],
      );
      const { slots } = await theirs.shares.getSharedItemIncoming(carlos, share.id);
      const values = slots.flatMap(({ name, value }) => (value ? [[name, value]] : []));
      assert.deepEqual(values, typed === null ? [] : [['vin', typed]]);
    }
    await bob.shares.delete(share.id);
  });

  test('share from ours to theirs under terms, on to ours, and ours bring a change to both once theirs are let in', async () => {
    const item = await bob.items.create({
      template: 'vehicle',
      label: 'Mazda',
      slots: { licence_plate: 'EVF-1234', vin: '3' },
    });
    const share = await bob.shares.create({
      itemId: item.id,
      connectionId: connections.bobToCarlos,
      terms,
      onSharing: true,
    });
    const hidden = await theirs.shares.getSharedItemIncoming(carlos, share.id);
    assert.deepEqual([hidden.share.encrypted_dek, hidden.share.terms], [null, terms]);
    await theirs.shares.acceptIncomingShare(carlos, share.id);
    const received = await theirs.shares.getSharedItemIncoming(carlos, share.id);
    assert.equal(valueNamed(received, 'vin'), '3');

    const {
      shares: [onShare],
    } = await theirs.shares.shareItem(carlos, connections.carlosToDora, received.item.id, {});
    assert.equal((await dora.shares.get(onShare.id)).item.value('vin'), '3');

    await bob.items.update(item.id, { slots: { vin: '4' } });
    const { completed } = await bob.tasks.run();
    assert.deepEqual(
      completed.map(({ report }) => report),
      [{ shares: 1, on_shares: 0, left_out: 1 }],
    );
    const [left] = completed[0].leftOut;
    assert.deepEqual([left.shareId, left.why], [onShare.id, 'no grant']);
    const include = [{ shareId: left.shareId, fingerprint: left.fingerprint }];
    assert.deepEqual((await bob.shares.refresh(item.id, { include })).leftOut, []);
    assert.equal((await dora.shares.get(onShare.id)).item.value('vin'), '4');
    assert.equal(valueNamed(await theirs.shares.getSharedItemIncoming(carlos, share.id), 'vin'), '4');

    await theirs.shares.deleteSharedItem(carlos, share.id);
    await assert.rejects(dora.shares.get(onShare.id), withCode('NOT_FOUND'));
  });

  test('agree about ASCII; of Latin-1 ours read what theirs write; of what is beyond theirs keep the low byte', async () => {
    const item = await makeItemOfTheirs(alice, { vin: 'ASCII', power: 'Größe', licence_plate: '鍵' });
    const {
      shares: [share],
    } = await theirs.shares.shareItem(alice, connections.aliceToBob, item.id, {});
    const { item: received } = await bob.shares.get(share.id);
    // 鍵 is U+9375, and their SDK writes one byte for each UTF-16 unit: 0x75 is all that it ever stored.
    assert.deepEqual(
      ['vin', 'power', 'licence_plate'].map((name) => received.value(name)),
      ['ASCII', 'Größe', 'u'],
    );
  });

  test('do not agree about what ours write beyond ASCII: theirs take its UTF-8 for single bytes and say so', async () => {
    const item = await bob.items.create({ template: 'vehicle', label: 'Mazda', slots: { power: 'Größe' } });
    const share = await bob.shares.create({ itemId: item.id, connectionId: connections.bobToCarlos });
    assert.match(
      valueNamed(await theirs.shares.getSharedItemIncoming(carlos, share.id), 'power'),
      /failed to verify integrity/,
    );
    assert.equal((await bob.shares.get(share.id)).item.value('power'), 'Größe');
  });

  test('read shares on after a connection has ended, unless whoever ended it ended them too', async () => {
    const ofCarlos = await makeItemOfTheirs(carlos, { vin: '5' });
    const {
      shares: [received],
    } = await theirs.shares.shareItem(carlos, connections.carlosToDora, ofCarlos.id, {});
    const [{ id: doraToCarlos }] = (await dora.connections.list()).entries;
    await dora.connections.delete(doraToCarlos);
    assert.equal((await dora.shares.get(received.id)).item.value('vin'), '5');

    const ofBob = await bob.items.create({ template: 'vehicle', label: 'Mazda', slots: { vin: '6' } });
    const { id } = await bob.shares.create({ itemId: ofBob.id, connectionId: connections.bobToCarlos });
    assert.equal(valueNamed(await theirs.shares.getSharedItemIncoming(carlos, id), 'vin'), '6');
    await bob.connections.delete(connections.bobToCarlos, { endShares: true });
    await assert.rejects(theirs.shares.getSharedItemIncoming(carlos, id));
    assert.equal((await bob.items.get(ofBob.id)).value('vin'), '6');
  });
});
