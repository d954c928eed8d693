// The first sharing protocol, with the API clients of its time as they were generated and the ciphertexts of @meeco/cryppo
// 0.3.4 and 0.9.0 in their YAML form: among themselves, and with ours on the other side.

import assert from 'node:assert/strict';
import { generateKeyPair, randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import * as keystoreApi from 'keystore-api-2020';
import * as vaultApiOfMarch from 'vault-api-2020-03';
import * as vaultApiOfApril from 'vault-api-2020-04';

import { VaultClient, withCode } from './ours.mjs';
import { register, Services } from './peer-account.mjs';
import { base64url, first, LEGACY, old } from './peers.mjs';

const BASE = process.env.VAULTSHARE_SERVER_URL;
assert.ok(BASE, 'VAULTSHARE_SERVER_URL says where the server is; cargo xtask test interop starts one');
const services = { vaultUrl: `${BASE}/vault`, keystoreUrl: `${BASE}/keystore` };
const passphrase = 'supersecretpassword';

/** What both versions of the Vault's client can do, under one name. */
const versions = [
  {
    name: '@meeco/vault-api-sdk 0.9.1',
    api: vaultApiOfMarch.default ?? vaultApiOfMarch,
    shares: 'ShareApi',
    cryppo: first,
    readsOurs: false,
  },
  {
    name: '@meeco/vault-api-sdk 0.10.0',
    api: vaultApiOfApril.default ?? vaultApiOfApril,
    shares: 'SharesApi',
    cryppo: old,
    readsOurs: true,
  },
];
const keystore = keystoreApi.default ?? keystoreApi;

async function newKeyPair() {
  const encodings = {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  };
  return promisify(generateKeyPair)('rsa', { modulusLength: 4096, ...encodings });
}

/** A user of the protocol's first clients: each method is a part of the guide, call by call. */
class OldUser {
  static async register({ api, shares, cryppo }) {
    const user = new OldUser();
    user.cryppo = cryppo;
    const peer = new Services(BASE);
    user.account = await register(peer, passphrase, await newKeyPair());
    const of = (Api, url, token) =>
      new Api({ apiKey: (name) => (name === 'Authorization' ? token : 'interop'), basePath: url }, url, fetch);
    const ofVault = (Api) => of(Api, services.vaultUrl, peer.tokens.vault);
    const ofKeystore = (Api) => of(Api, services.keystoreUrl, peer.tokens.keystore);
    user.items = ofVault(api.ItemApi);
    user.publicKeys = ofVault(api.PublicKeyApi);
    user.invitations = ofVault(api.InvitationApi);
    user.connections = ofVault(api.ConnectionApi);
    user.shares = ofVault(api[shares]);
    user.keyPairs = ofKeystore(keystore.KeypairApi);
    user.spaces = ofKeystore(keystore.EncryptionSpaceApi);
    user.sharedKeys = ofKeystore(keystore.SharedKeyApi);
    return user;
  }

  /** Steps 1–6, and 11–16: a key pair in the Keystore, its public half in the Vault. */
  async #publish() {
    const { publicKey, privateKey } = await newKeyPair();
    const encrypted_serialized_key = await this.cryppo.encryptText(this.account.kek, privateKey, LEGACY);
    const { keypair } = await this.keyPairs.keypairsPost({
      public_key: publicKey,
      encrypted_serialized_key,
      metadata: {},
      external_identifiers: [],
    });
    const { public_key } = await this.publicKeys.keyStorePublicKeysPost({
      key_store_id: keypair.id,
      encryption_strategy: 'Rsa4096',
      public_key: publicKey,
    });
    return public_key.id;
  }

  async #name(name) {
    return this.cryppo.encryptText(this.account.dek, name, LEGACY);
  }

  async invite(name) {
    return (
      await this.invitations.invitationsPost({
        public_key_id: await this.#publish(),
        encrypted_recipient_name: await this.#name(name),
      })
    ).invitation;
  }

  async accept({ token }, name) {
    const body = {
      public_key_id: await this.#publish(),
      encrypted_recipient_name: await this.#name(name),
      invitation_token: token,
    };
    return (await this.connections.connectionsPost(body)).connection;
  }

  async makeItem(values) {
    const slots_attributes = await Promise.all(
      Object.entries(values).map(async ([name, value]) => ({
        name,
        encrypted: true,
        encrypted_value: await this.cryppo.encryptText(this.account.dek, value, LEGACY),
      })),
    );
    return this.items.itemsPost({ template_name: 'vehicle', item: { label: 'My Car', slots_attributes } });
  }

  /** Steps 21–32, in the order of the old client: the space is named before its key is there to be claimed. */
  async share({ item, slots }, connectionId) {
    let { connection } = await this.connections.connectionsIdGet(connectionId);
    let dek = await this.#claimed(connection);
    if (!dek) {
      dek = base64url(randomBytes(32));
      const made = await this.spaces.encryptionSpacesPost({ encrypted_serialized_key: await this.#wrap(dek) });
      const space = made.encryption_space_data_encryption_key.encryption_space_id;
      ({ connection } = await this.connections.connectionsIdGet(connectionId));
      await this.connections.connectionsConnectionIdEncryptionSpacePost(connectionId, { encryption_space_id: space });
      const public_key = connection.other_user_connection_public_key;
      const encrypted_key = await this.cryppo.rsaEncrypt(public_key, Buffer.from(dek, 'base64url'), LEGACY);
      await this.sharedKeys.sharedKeysPost({
        encrypted_key,
        external_id: space,
        public_key,
        key_metadata: { key_type: 'AES-GCM' },
      });
    }
    const encrypted_values = {};
    for (const slot of slots.filter(({ encrypted }) => encrypted)) {
      const value = await this.cryppo.decryptText(this.account.dek, slot.encrypted_value);
      encrypted_values[slot.id] = await this.cryppo.encryptText(dek, value, LEGACY);
    }
    const share = {
      shareable_id: item.id,
      shareable_type: 'Item',
      encrypted_values: JSON.stringify(encrypted_values),
      distributable: false,
      outgoing: true,
      user_id: connection.user_id,
    };
    return (await this.shares.sharesPost({ shares: [share] })).shares[0];
  }

  /** Steps 33–43. Gives the values by the names of their slots. */
  async read(shareId) {
    const reply = await this.shares.sharesIdGet(shareId);
    const share = reply.share ?? reply.shares[0];
    const { connection } = await this.connections.connectionsIdGet(share.connection_id);
    const dek = (await this.#claimed(connection)) ?? (await this.#claim(connection));
    const values = {};
    for (const slot of reply.slots) {
      const sealed = share.encrypted_values[slot.id];
      if (typeof sealed === 'string') values[slot.name] = await this.cryppo.decryptText(dek, sealed);
    }
    return values;
  }

  async #claimed({ encryption_space_id }) {
    if (!encryption_space_id) return null;
    const { encryption_space_data_encryption_key: copy } = await this.spaces.encryptionSpacesIdGet(encryption_space_id);
    return base64url(await this.cryppo.decryptBytes(this.account.kek, copy.serialized_data_encryption_key));
  }

  async #claim(connection) {
    const { keypair } = await this.keyPairs.keypairsIdGet(connection.key_store_keypair_id);
    const privateKey = await this.cryppo.decryptText(this.account.kek, keypair.encrypted_serialized_key);
    const space = connection.other_user_connection_encryption_space_id;
    const text = `${services.keystoreUrl}/shared_keys/${space}/claim_key--request-timestamp=${new Date().toISOString()}`;
    const claim = { public_key: connection.public_key, request_signature: this.cryppo.sign(privateKey, text) };
    const { shared_key_claimed } = await this.sharedKeys.sharedKeysExternalIdClaimKeyPost(space, claim);
    const dek = base64url(await this.cryppo.rsaDecrypt(privateKey, shared_key_claimed.serialized_shared_key));
    const made = await this.spaces.encryptionSpacesPost({ encrypted_serialized_key: await this.#wrap(dek) });
    const encryption_space_id = made.encryption_space_data_encryption_key.encryption_space_id;
    await this.connections.connectionsConnectionIdEncryptionSpacePost(connection.id, { encryption_space_id });
    return dek;
  }

  async #wrap(dek) {
    return this.cryppo.encryptBytes(this.account.kek, Buffer.from(dek, 'base64url'), LEGACY);
  }
}

for (const version of versions) {
  describe(`${version.name} with @meeco/keystore-api-sdk 0.13.0 and ${version.cryppo.name}`, () => {
    let alice;
    let bob;
    let ours;
    before(async () => {
      [alice, bob] = [await OldUser.register(version), await OldUser.register(version)];
      ours = await new VaultClient(services).createUser(passphrase);
    });

    test('connects two users, who share in both directions under one key', async () => {
      const ofBob = await bob.accept(await alice.invite('Bob'), 'Alice');
      assert.equal(ofBob.user_id, alice.account.userId);
      const {
        connections: [ofAlice],
      } = await alice.connections.connectionsGet();
      assert.equal(ofAlice.public_key, ofBob.other_user_connection_public_key);

      const first = await alice.share(await alice.makeItem({ vin: '1' }), ofAlice.id);
      const second = await alice.share(await alice.makeItem({ vin: '2' }), ofAlice.id);
      assert.deepEqual([await bob.read(first.id), await bob.read(second.id)], [{ vin: '1' }, { vin: '2' }]);
      const back = await bob.share(await bob.makeItem({ vin: '3' }), ofBob.id);
      assert.deepEqual(await alice.read(back.id), { vin: '3' });
    });

    test('shares with one of ours, who shares back once the key is accepted', async () => {
      const connection = await ours.connections.accept((await alice.invite('Ours')).token, { name: 'Alice' });
      const item = await alice.makeItem({ vin: '4', licence_plate: 'EVF-1234' });
      const share = await alice.share(item, connection.otherConnectionId);
      const { item: read } = await ours.encryptionSpaces.get(share.id);
      assert.deepEqual([read.id, read.value('vin'), read.value('licence_plate')], [item.item.id, '4', 'EVF-1234']);

      const bike = await ours.items.create({
        template: 'custom',
        label: 'Bike',
        slots: [{ label: 'Lock', value: '1234' }],
      });
      const wish = { itemId: bike.id, connectionId: connection.id };
      await assert.rejects(ours.encryptionSpaces.share(wish), withCode('UNVERIFIED_KEY'));
      const back = await ours.encryptionSpaces.share({ ...wish, acceptUnproven: connection.fingerprint });
      // @meeco/cryppo 0.3.4 knows no other form of parameters than YAML, which nobody should write any more.
      if (version.readsOurs) assert.deepEqual(await alice.read(back.id), { lock: '1234' });
      else await assert.rejects(alice.read(back.id), /tag/);
    });

    test('claims the key that one of ours made, and shares back', async () => {
      const invitation = await ours.invitations.create({ name: 'Bob' });
      const ofBob = await bob.accept(invitation, 'Ours');
      const car = await ours.items.create({ template: 'vehicle', label: 'Car', slots: { vin: '5' } });
      const { entries } = await ours.connections.list({ all: true });
      const connection = entries.find(({ userId }) => userId === bob.account.userId);
      const share = await ours.encryptionSpaces.share({ itemId: car.id, connectionId: connection.id });
      if (!version.readsOurs) {
        await assert.rejects(bob.read(share.id), /tag/);
        return;
      }
      assert.deepEqual(await bob.read(share.id), { vin: '5' });
      const back = await bob.share(await bob.makeItem({ vin: '6' }), ofBob.id);
      const { item } = await ours.encryptionSpaces.get(back.id);
      assert.equal(item.value('vin'), '6');
    });
  });
}
