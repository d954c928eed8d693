// A user of the guides' story on the generated API clients, with @meeco/cryppo 2.0.2 for the cryptography and jsrp for the
// login.

import assert from 'node:assert/strict';
import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

import { derive, makeSecret, srpClient } from './peer-account.mjs';
import { base64url, recent as cryppo } from './peers.mjs';

export const passphrase = 'supersecretpassword';
const bytesOf = (key) => new Uint8Array(Buffer.from(key, 'base64url'));
const newKey = () => base64url(randomBytes(32));
const newKeyPair = () =>
  promisify(generateKeyPair)('rsa', {
    modulusLength: 4096,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });

/** What our server answers otherwise than these clients declare, and why. */
export const otherwise = [
  [/\.attachments?(\[\d+\])?\.url$/, 'null for a file in blocks, which has an address for each of its two parts'],
  [/\.attachment\.bytesize$/, 'a number, where clients from 2021 on declare a text; none of them reads it'],
  [/\.passphrase_store_admission_token$/, 'null in the platform’s own documents'],
  [/\.(connection_type|delegation_role)$/, 'null for plain connections in the platform’s own documents'],
  [
    /^(?!classificationNodes)\w+\.meta$/,
    'a list with an object for clients until 2022; those of 2023 declare an object and, where it is a list, use next_page_after',
  ],
];

/** A user who does everything by calls of the generated clients. */
export class User {
  tokens = {};
  #services;

  /** @param {{vault: GeneratedClient, keystore: GeneratedClient, base: string}} services */
  constructor(services) {
    this.#services = services;
  }

  vault(method, named) {
    const { vault, base } = this.#services;
    return vault.call({ url: `${base}/vault`, token: this.tokens.vault }, method, named);
  }

  keystore(method, named) {
    const { keystore, base } = this.#services;
    return keystore.call({ url: `${base}/keystore`, token: this.tokens.keystore }, method, named);
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
  signInAgain() {
    return new User(this.#services).signIn(this.secret);
  }

  async signIn(secret) {
    this.secret = secret;
    const derived = await derive(secret, passphrase);
    await this.#openKeystore(derived);
    const { key_encryption_key } = await this.keystore('keyEncryptionKeyGet');
    this.kek = base64url(
      await cryppo.decryptBytes(derived.passphraseKey, key_encryption_key.serialized_key_encryption_key),
    );
    const { keypair } = await this.keystore('keypairsExternalIdExternalIdGet', { externalId: 'auth' });
    const privateKey = await cryppo.decryptText(this.kek, keypair.encrypted_serialized_key);
    const { session } = await this.vault('sessionPost', { body: { public_key: keypair.public_key } });
    this.tokens.vault = await this.#token(privateKey, session.encrypted_session_authentication_string);
    const { user } = await this.vault('meGet');
    const { data_encryption_key } = await this.keystore('dataEncryptionKeysIdGet', {
      id: user.private_dek_external_id,
    });
    this.dek = base64url(await cryppo.decryptBytes(this.kek, data_encryption_key.serialized_data_encryption_key));
    this.id = user.id;
    return this;
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
      ...(proof ? {} : { value_verification_hash: cryppo.digestOf(key, value) }),
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
      assert.equal(cryppo.digestOf(key, value), slot.value_verification_hash, slot.name);
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
      for (const [slot, value] of values) slot_values.push({ share_id: id, ...(await this.#shared(dek, slot, value)) });
    }
    const client_tasks = tasks.map(({ id }) => ({ id, state: 'done', report: {} }));
    return this.vault('itemsIdSharesPut', { id: itemId, body: { share_deks, slot_values, client_tasks } });
  }
}
