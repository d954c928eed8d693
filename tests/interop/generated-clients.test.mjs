// The guides' story on API clients of three times, generated from the platform's own descriptions, with @meeco/cryppo 2.0.2
// for the cryptography and jsrp for the login. Every call that they offer within what our server serves is made, and
// every reply is held against the types that they declare.

import assert from 'node:assert/strict';
import { createHmac, generateKeyPair, randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import { GeneratedClient } from './generated.mjs';
import { derive, makeSecret, srpClient } from './peer-account.mjs';
import { base64url, recent as cryppo } from './peers.mjs';

const BASE = process.env.VAULTSHARE_SERVER_URL;
assert.ok(BASE, 'VAULTSHARE_SERVER_URL says where the server is; cargo xtask test interop starts one');

const passphrase = 'supersecretpassword';
const terms = 'You may not use this information for advertising';
const bytesOf = (key) => new Uint8Array(Buffer.from(key, 'base64url'));
const newKey = () => base64url(randomBytes(32));
const newKeyPair = () =>
  promisify(generateKeyPair)('rsa', {
    modulusLength: 4096,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });

/** What of these clients is not called, and why. */
const notServed = [
  [/^(admissionTokens|adminUsers|importUser|portalService)/, 'for operators of the platform, with a key of their own'],
  [
    /^(sessionPost$|passphraseDerivationArtefact|usersPost$|sessionLoginPost|sessionWithLoginKey|meWithPassword|mePassword|system(?!Status))/,
    'accounts by password, of before SRP, or for the platform’s own systems',
  ],
  [/^(home|wellKnown)/, 'captcha: our Keystore asks for none'],
  [/^(childUsers|delegation|systemDelegations|connectionsIdPut)/, 'delegation of accounts is no part of what we serve'],
  [/^(attachments|directAttachments|thumbnails|images|blobs|slotsIdAttachments)/, 'files are no part of what we serve'],
  [/^(organizations|management|serviceUsers)/, 'organizations are no part of what we serve'],
  [/^itemsItemIdAssociations/, 'associations between items: no client of the platform used them'],
  [
    /^(activities|alerts|dashboard|event|metrics|verifications|monitor|systemStatus)/,
    'news, metrics and status are no part of the protocol',
  ],
  [/^(invitationsInvitation|shareIntents)/, 'invitations in several steps: no client of the platform used them'],
  [/^encryptionSpaces/, 'the first protocol, which has its own tests'],
];

/** What our server answers otherwise than these clients declare, and why. */
const otherwise = [
  [/\.passphrase_store_admission_token$/, 'null in the platform’s own documents'],
  [/\.(connection_type|delegation_role)$/, 'null for plain connections in the platform’s own documents'],
  [
    /^(?!classificationNodes)\w+\.meta$/,
    'a list with an object for clients until 2022; those of 2023 declare an object and, where it is a list, use next_page_after',
  ],
];

const generations = [
  ['vault-api-19', 'keystore-api-14'],
  ['vault-api-22', 'keystore-api-10'],
  ['vault-api-39', 'keystore-api-10'],
];

for (const aliases of generations) {
  const [vault, keystore] = aliases.map((alias) => new GeneratedClient(alias, otherwise));

  /** A user who does everything by calls of the generated clients. */
  class User {
    tokens = {};

    vault(method, named) {
      return vault.call({ url: `${BASE}/vault`, token: this.tokens.vault }, method, named);
    }

    keystore(method, named) {
      return keystore.call({ url: `${BASE}/keystore`, token: this.tokens.keystore }, method, named);
    }

    async register() {
      const { username } = await this.keystore('srpUsernamePost', { body: {} });
      this.secret = makeSecret(username);
      const derived = await derive(this.secret, passphrase);
      const client = await srpClient(derived);
      const { salt, verifier } = await promisify(client.createVerifier).call(client);
      await this.keystore('srpUsersPost', { body: { username, srp_salt: salt, srp_verifier: verifier } });
      await this.#openKeystore(derived);
      const { external_admission_token } = await this.keystore('externalAdmissionTokensGet');

      this.kek = newKey();
      const wrappedKek = await cryppo.encryptBytes(derived.passphraseKey, bytesOf(this.kek));
      await this.keystore('keyEncryptionKeyPost', { body: { serialized_key_encryption_key: wrappedKek } });
      const pair = await this.storeKeyPair(['auth']);
      const body = { public_key: pair.publicKey, admission_token: external_admission_token.vault_api_admission_token };
      const me = await this.vault('mePost', { body });
      this.id = me.user.id;
      this.tokens.vault = await this.#token(pair.privateKey, me.encrypted_session_authentication_string);

      this.dek = newKey();
      const serialized_data_encryption_key = await cryppo.encryptBytes(this.kek, bytesOf(this.dek));
      const stored = await this.keystore('dataEncryptionKeysPost', { body: { serialized_data_encryption_key } });
      await this.vault('mePut', { body: { user: { private_dek_external_id: stored.data_encryption_key.id } } });
    }

    /** The same user on another device: everything comes from the two services. */
    async signInAgain() {
      const again = new User();
      again.secret = this.secret;
      const derived = await derive(this.secret, passphrase);
      await again.#openKeystore(derived);
      const { key_encryption_key } = await again.keystore('keyEncryptionKeyGet');
      again.kek = base64url(
        await cryppo.decryptBytes(derived.passphraseKey, key_encryption_key.serialized_key_encryption_key),
      );
      const { keypair } = await again.keystore('keypairsExternalIdExternalIdGet', { externalId: 'auth' });
      const privateKey = await cryppo.decryptText(again.kek, keypair.encrypted_serialized_key);
      const { session } = await again.vault('sessionPost', { body: { public_key: keypair.public_key } });
      again.tokens.vault = await this.#token(privateKey, session.encrypted_session_authentication_string);
      const { user } = await again.vault('meGet');
      const { data_encryption_key } = await again.keystore('dataEncryptionKeysIdGet', {
        id: user.private_dek_external_id,
      });
      again.dek = base64url(await cryppo.decryptBytes(again.kek, data_encryption_key.serialized_data_encryption_key));
      again.id = user.id;
      return again;
    }

    async #openKeystore(derived) {
      const client = await srpClient(derived);
      const { username } = derived;
      const srp_a = client.getPublicKey();
      const { challenge } = await this.keystore('srpChallengesPost', { body: { username, srp_a } });
      client.setSalt(challenge.challenge_salt);
      client.setServerPublicKey(challenge.challenge_b);
      const { session } = await this.keystore('srpSessionPost', {
        body: { username, srp_a, srp_m: client.getProof() },
      });
      this.tokens.keystore = session.session_authentication_string;
    }

    async #token(privateKey, envelope) {
      return Buffer.from(await cryppo.rsaDecrypt(privateKey, envelope)).toString('latin1');
    }

    async storeKeyPair(external_identifiers = []) {
      const { publicKey, privateKey } = await newKeyPair();
      const encrypted_serialized_key = await cryppo.encryptText(this.kek, privateKey);
      const body = { public_key: publicKey, encrypted_serialized_key, metadata: {}, external_identifiers };
      const { keypair } = await this.keystore('keypairsPost', { body });
      return { id: keypair.id, publicKey, privateKey };
    }

    async publicKey() {
      const { id, publicKey } = await this.storeKeyPair();
      return { keypair_external_id: id, public_key: publicKey };
    }

    seal(text) {
      return cryppo.encryptText(this.dek, text);
    }

    async makeItem(values) {
      const slots_attributes = await Promise.all(
        Object.entries(values).map(async ([name, value]) => ({ name, encrypted_value: await this.seal(value) })),
      );
      return this.vault('itemsPost', {
        body: { template_name: 'vehicle', item: { label: 'DeLorean', slots_attributes } },
      });
    }

    async invite(name) {
      const body = {
        public_key: await this.publicKey(),
        invitation: { encrypted_recipient_name: await this.seal(name) },
      };
      return (await this.vault('invitationsPost', { body })).invitation;
    }

    async accept(token, name) {
      const body = {
        public_key: await this.publicKey(),
        connection: { encrypted_recipient_name: await this.seal(name), invitation_token: token },
      };
      return (await this.vault('connectionsPost', { body })).connection;
    }

    /** A value for a share, with its proof: the owner's, or the one that came with it. */
    async #shared(dek, slot, value, proof) {
      const key = proof ?? randomBytes(64);
      return {
        slot_id: slot.id,
        encrypted_value: await cryppo.encryptText(dek, value),
        encrypted_value_verification_key: await cryppo.encryptBytes(dek, key),
        ...(proof ? {} : { value_verification_hash: createHmac('sha256', key).update(value).digest('hex') }),
      };
    }

    async valuesOf({ slots }, dek) {
      const open = async (slot) => [slot, await cryppo.decryptText(dek ?? this.dek, slot.encrypted_value)];
      return Promise.all(slots.filter(({ encrypted_value }) => encrypted_value).map(open));
    }

    /** Shares an own item, or one that was received with `dek`. */
    async share(item, connection, options = {}, dek = undefined) {
      const shareDek = newKey();
      const slot_values = await Promise.all(
        (await this.valuesOf(item, dek)).map(async ([slot, value]) => {
          const proof = dek && (await cryppo.decryptBytes(dek, slot.encrypted_value_verification_key));
          return this.#shared(shareDek, slot, value, proof);
        }),
      );
      const { user_id, user_public_key, user_keypair_external_id } = connection.the_other_user;
      const share = {
        recipient_id: user_id,
        public_key: user_public_key,
        keypair_external_id: user_keypair_external_id,
        encrypted_dek: await cryppo.rsaEncrypt(user_public_key, bytesOf(shareDek)),
        slot_values,
        ...options,
      };
      return (await this.vault('itemsIdSharesPost', { id: item.item.id, body: { shares: [share] } })).shares[0];
    }

    /** A received share: its item, its DEK, and its values by name, each proved to be its owner's. */
    async read(shareId) {
      const received = await this.vault('incomingSharesIdItemGet', { id: shareId });
      const { keypair } = await this.keystore('keypairsIdGet', { id: received.share.keypair_external_id });
      const privateKey = await cryppo.decryptText(this.kek, keypair.encrypted_serialized_key);
      const dek = base64url(await cryppo.rsaDecrypt(privateKey, received.share.encrypted_dek));
      const values = {};
      for (const [slot, value] of await this.valuesOf(received, dek)) {
        const key = await cryppo.decryptBytes(dek, slot.encrypted_value_verification_key);
        assert.equal(createHmac('sha256', key).update(value).digest('hex'), slot.value_verification_hash, slot.name);
        values[slot.name] = value;
      }
      return { ...received, dek, values };
    }

    /** What running a client task is: the item's values under a fresh DEK for everyone who has it. */
    async refresh(itemId, tasks) {
      const item = await this.vault('itemsIdGet', { id: itemId });
      const { shares } = await this.vault('itemsIdSharesGet', { id: itemId });
      const dek = newKey();
      const values = await this.valuesOf(item);
      const share_deks = [];
      const slot_values = [];
      for (const { id, public_key } of shares) {
        share_deks.push({ share_id: id, dek: await cryppo.rsaEncrypt(public_key, bytesOf(dek)) });
        for (const [slot, value] of values)
          slot_values.push({ share_id: id, ...(await this.#shared(dek, slot, value)) });
      }
      const client_tasks = tasks.map(({ id }) => ({ id, state: 'done', report: {} }));
      return this.vault('itemsIdSharesPut', { id: itemId, body: { share_deks, slot_values, client_tasks } });
    }
  }

  describe(`${vault.name} with ${keystore.name}`, { concurrency: false }, () => {
    const [alice, bob, carlos] = [new User(), new User(), new User()];
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
