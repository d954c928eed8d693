// The guides' story on API clients of three times, generated from the platform's own descriptions, with @meeco/cryppo 2.0.2
// for the cryptography and jsrp for the login. Every call that they offer within what our server serves is made, and
// every reply is held against the types that they declare.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { GeneratedClient } from './generated.mjs';
import { otherwise, User } from './generated-user.mjs';
import { CALLS_OF_FILES } from './peer-files.mjs';
import { recent as cryppo } from './peers.mjs';

const BASE = process.env.VAULTSHARE_SERVER_URL;
assert.ok(BASE, 'VAULTSHARE_SERVER_URL says where the server is; cargo xtask test interop starts one');

const terms = 'You may not use this information for advertising';

/** What of these clients is not called, and why. */
const notServed = [
  [/^(admissionTokens|adminUsers|importUser|portalService)/, 'for operators of the platform, with a key of their own'],
  [
    /^(sessionPost$|passphraseDerivationArtefact|usersPost$|sessionLoginPost|sessionWithLoginKey|meWithPassword|mePassword|system(?!Status))/,
    'accounts by password, of before SRP, or for the platform’s own systems',
  ],
  [/^(home|wellKnown)/, 'captcha: our Keystore asks for none'],
  [/^(childUsers|delegation|systemDelegations|connectionsIdPut)/, 'delegation of accounts is no part of what we serve'],
  [CALLS_OF_FILES, 'files, which have their own tests'],
  [
    /^(attachmentsFolders|slotsIdAttachmentsFolder|attachmentsInSlots)/,
    'folders and overviews of files are no part of what we serve',
  ],
  [/^images/, 'pictures of templates are no part of what we serve'],
  [/^blobs/, 'our replies say the whole address of a file'],
  [/^(organizations|management|serviceUsers)/, 'organizations are no part of what we serve'],
  [/^itemsItemIdAssociations/, 'associations between items: no client of the platform used them'],
  [
    /^(activities|alerts|dashboard|event|metrics|verifications|monitor|systemStatus)/,
    'news, metrics and status are no part of the protocol',
  ],
  [/^(invitationsInvitation|shareIntents)/, 'invitations in several steps: no client of the platform used them'],
  [/^encryptionSpaces/, 'the first protocol, which has its own tests'],
];

const generations = [
  ['vault-api-19', 'keystore-api-14'],
  ['vault-api-22', 'keystore-api-10'],
  ['vault-api-39', 'keystore-api-10'],
];

for (const aliases of generations) {
  const [vault, keystore] = aliases.map((alias) => new GeneratedClient(alias, otherwise));

  describe(`${vault.name} with ${keystore.name}`, { concurrency: false }, () => {
    const newUser = () => new User({ vault, keystore, base: BASE });
    const [alice, bob, carlos] = [newUser(), newUser(), newUser()];
    const has = (method) => vault.methods.has(method) || keystore.methods.has(method);
    let item;
    let toBob;
    let toCarlos;
    let share;
    let received;
    let onShare;

    before(async () => {
      await alice.register();
      await bob.register();
      await carlos.register();
    });

    test('registers and signs in', async () => {
      const again = await alice.signInAgain();
      assert.deepEqual([again.id, again.kek, again.dek], [alice.id, alice.kek, alice.dek]);
      await vault.call({ url: `${BASE}/vault` }, 'versionGet');
      await keystore.call({ url: `${BASE}/keystore` }, 'versionGet');
      for (const service of ['vault', 'keystore']) {
        const { methods } = service === 'vault' ? vault : keystore;
        if (methods.has('sessionGet')) await again[service]('sessionGet');
        if (methods.has('sessionLimitedInTimePost'))
          await again[service]('sessionLimitedInTimePost', {
            body: service === 'vault' ? { valid_for_seconds: 60 } : { valid_for: 60 },
          });
        if (methods.has('sessionResumePatch')) await again[service]('sessionResumePatch');
        // The Keystore's client of 2020 knows no exception.
        const except = methods.get('sessionAllDelete').parameters.some(({ name }) => name === 'exceptCurrent')
          ? { exceptCurrent: true }
          : {};
        await again[service]('sessionAllDelete', except);
        await assert.rejects(alice[service](service === 'vault' ? 'meGet' : 'keyEncryptionKeyGet'), { status: 401 });
      }
      alice.tokens = (await alice.signInAgain()).tokens;
    });

    test('keeps keys', async () => {
      const { id } = await bob.storeKeyPair(['spare']);
      const { keypair } = await bob.keystore('keypairsIdPatch', {
        id,
        body: { external_identifiers: ['renamed'], metadata: { a: 1 } },
      });
      assert.deepEqual([keypair.external_identifiers, keypair.metadata], [['renamed'], { a: 1 }]);
      await bob.keystore('keypairsIdDelete', { id });
      const serialized_data_encryption_key = await cryppo.encryptBytes(bob.kek, randomBytes(32));
      const { data_encryption_key } = await bob.keystore('dataEncryptionKeysPost', {
        body: { serialized_data_encryption_key },
      });
      await bob.keystore('dataEncryptionKeysIdDelete', { id: data_encryption_key.id });
    });

    test('lists and makes templates and classifications', async () => {
      const { item_templates } = await alice.vault('itemTemplatesGet', { like: 'vehicle' });
      const { item_template, slots } = await alice.vault('itemTemplatesIdGet', { id: item_templates[0].id });
      assert.ok(item_template.name === 'vehicle' && slots.some(({ name }) => name === 'vin'));
      await alice.vault('itemTemplatesPost', {
        body: {
          label: `Bicycle of ${alice.id}`,
          slots_attributes: [{ label: 'Frame number', slot_type_name: 'key_value' }],
        },
      });
      const made = await alice.vault('classificationNodesPost', {
        body: { classification_node: { classification_scheme_name: 'tag', label: 'Old cars' } },
      });
      await alice.vault('classificationNodesIdGet', { id: made.classification_node.id });
      const { classification_nodes } = await alice.vault('classificationNodesGet', { schemeName: 'tag' });
      assert.ok(classification_nodes.some(({ id }) => id === made.classification_node.id));
    });

    test('makes, changes and deletes items and slots', async () => {
      item = await alice.makeItem({ licence_plate: 'NotACatDefsACar', vin: '1', power: '88' });
      const slot = item.slots.find(({ name }) => name === 'power');
      await alice.vault('slotsIdGet', { id: slot.id });
      if (has('slotsIdPut')) await alice.vault('slotsIdPut', { id: slot.id, body: { label: 'Horses' } });
      await alice.vault('slotsIdDelete', { id: slot.id });
      await alice.vault('itemsIdPut', {
        id: item.item.id,
        body: { item: { label: 'DMC', slots_attributes: [{ name: 'vin', encrypted_value: await alice.seal('2') }] } },
      });
      item = await alice.vault('itemsIdGet', { id: item.item.id });
      assert.deepEqual(Object.fromEntries((await alice.valuesOf(item)).map(([{ name }, value]) => [name, value])), {
        licence_plate: 'NotACatDefsACar',
        vin: '2',
      });
      const other = await alice.makeItem({});
      await alice.vault('itemsIdDelete', { id: other.item.id });
      const { items } = await alice.vault('itemsGet');
      assert.deepEqual(
        items.map(({ id }) => id),
        [item.item.id],
      );
    });

    test('invites and connects', async () => {
      const cancelled = await alice.invite('Nobody');
      await alice.vault('invitationsIdDelete', { id: cancelled.id });
      const invitation = await alice.invite('Bob');
      await bob.vault('invitationsIdGet', { id: invitation.token });
      assert.equal((await alice.vault('invitationsGet')).invitations.length, 1);
      const ofBob = await bob.accept(invitation.token, 'Alice');
      toBob = (await alice.vault('connectionsIdGet', { id: ofBob.the_other_user.id })).connection;
      const ofCarlos = await carlos.accept((await bob.invite('Carlos')).token, 'Bob');
      const { connections } = await bob.vault('connectionsGet');
      toCarlos = connections.find(({ own }) => own.id === ofCarlos.the_other_user.id);
      assert.equal(connections.length, 2);
    });

    test('shares under terms, which are accepted before anything is read', async () => {
      share = await alice.share(item, toBob, {
        terms,
        acceptance_required: 'acceptance_required',
        sharing_mode: 'anyone',
        onsharing_permitted: true,
      });
      const { shares } = await bob.vault('incomingSharesGet');
      assert.deepEqual(
        shares.map(({ id }) => id),
        [share.id],
      );
      const before_ = (await bob.vault('incomingSharesIdGet', { id: share.id })).share;
      assert.deepEqual([before_.terms, before_.encrypted_dek ?? null], [terms, null]);
      await bob.vault('incomingSharesIdAcceptPut', { id: share.id });
      received = await bob.read(share.id);
      assert.deepEqual(received.values, { licence_plate: 'NotACatDefsACar', vin: '2' });
      await alice.vault('outgoingSharesIdGet', { id: share.id });
      assert.equal((await alice.vault('outgoingSharesGet')).shares.length, 1);
    });

    test('shares on', async () => {
      onShare = await bob.share(received, toCarlos, {}, received.dek);
      assert.deepEqual((await carlos.read(onShare.id)).values, { licence_plate: 'NotACatDefsACar', vin: '2' });
      if (has('sharesPut'))
        await alice.vault('sharesPut', { body: { shares: [{ share_id: share.id, onsharing_permitted: true }] } });
    });

    test('brings a change to everyone by the client task that it leaves', async () => {
      await alice.vault('itemsIdPut', {
        id: item.item.id,
        body: { item: { slots_attributes: [{ name: 'vin', encrypted_value: await alice.seal('3') }] } },
      });
      const parameters = vault.methods.get('clientTaskQueueGet').parameters.map(({ name }) => name);
      const waiting = parameters.includes('changeState')
        ? { changeState: false, state: ['todo'] }
        : { supressChangingState: true, state: 'todo' };
      const { client_tasks } = await alice.vault('clientTaskQueueGet', waiting);
      assert.deepEqual(
        client_tasks.map(({ target_id }) => target_id),
        [item.item.id],
      );
      await alice.vault('clientTaskQueuePut', {
        body: { client_tasks: client_tasks.map(({ id }) => ({ id, state: 'in_progress', report: {} })) },
      });
      await alice.refresh(item.item.id, client_tasks);
      assert.deepEqual((await alice.vault('clientTaskQueueGet', waiting)).client_tasks, []);
      for (const values of [(await bob.read(share.id)).values, (await carlos.read(onShare.id)).values]) {
        assert.deepEqual(values, { licence_plate: 'NotACatDefsACar', vin: '3' });
      }
    });

    test('puts what was received under the own key', async () => {
      const { item: copy, dek, slots } = await bob.read(share.id);
      const own = await Promise.all(
        (await bob.valuesOf({ slots }, dek)).map(async ([{ id, encrypted_value_verification_key: key }, value]) => ({
          id,
          encrypted_value: await bob.seal(value),
          encrypted_value_verification_key: await cryppo.encryptBytes(bob.dek, await cryppo.decryptBytes(dek, key)),
        })),
      );
      const after = await bob.vault('itemsIdEncryptPost', { id: copy.id, body: { slots: own } });
      const values = (await bob.valuesOf(after)).map(([{ name }, value]) => [name, value]);
      assert.deepEqual(Object.fromEntries(values), { licence_plate: 'NotACatDefsACar', vin: '3' });
      assert.equal((await bob.vault('incomingSharesIdGet', { id: share.id })).share.encrypted_dek ?? null, null);
    });

    test('ends shares, connections, sessions and accounts', async () => {
      await carlos.vault('sharesIdDelete', { id: onShare.id });
      if (has('sharesPatch')) {
        await alice.vault('sharesPatch', { body: { shares_to_delete: [share.id] } });
        assert.deepEqual((await bob.vault('incomingSharesGet')).shares, []);
      }
      await alice.vault('connectionsIdDelete', { id: toBob.own.id });
      if (has('meDeletionQueuePost')) {
        await alice.vault('meDeletionQueuePost');
        await alice.vault('meDeletionQueueDelete');
      }
      if (has('usersDeletionQueuePost')) {
        await alice.keystore('usersDeletionQueuePost');
        await alice.keystore('usersDeletionQueueDelete');
      }
      await alice.vault('sessionDelete');
      await alice.keystore('sessionDelete');
      await bob.vault('meDelete');
      await assert.rejects(bob.vault('meGet'), { status: 401 });
    });

    test('leaves no call untried without a reason', () => {
      for (const client of [vault, keystore]) {
        const untried = [...client.methods.keys()].filter((method) => !client.called.has(method));
        const unexplained = untried.filter((method) => !notServed.some(([pattern]) => pattern.test(method)));
        assert.deepEqual(unexplained, [], client.name);
      }
    });
  });
}
