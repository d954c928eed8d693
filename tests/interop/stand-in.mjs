// A Keystore and a Vault in memory, as far as registering and signing in go, whose cryptography is other people's: jsrp's
// server half checks the logins and @meeco/cryppo encrypts the tokens. It lets our client be tested against those parts
// without anything of ours on the other side. It is `fetch`, called in place of the network's.

import { randomUUID } from 'node:crypto';

import jsrp from 'jsrp';

import { recent as cryppo } from './peers.mjs';

export const BASE = 'https://stand-in.test';

export class StandIn {
  users = new Map();
  #challenges = new Map();
  #keystoreSessions = new Map();
  #vaultSessions = new Map();
  #vaultUsers = new Map();

  /** How often jsrp's server half was satisfied by a proof, and how often not. */
  proofs = { right: 0, wrong: 0 };

  /** The server's private value in hexadecimal; where it is not set, jsrp draws it. */
  b;
  /** The B of the last challenge. */
  lastB;

  fetch = async (input, init) => {
    const request = new Request(input, init);
    const path = new URL(request.url).pathname;
    const sent = await request.text();
    const answer = this.#routes[`${request.method} ${path.replace(/[0-9a-f-]{36}$/, ':id')}`];
    if (answer === undefined) return failure(404, 'not_found');
    const token = request.headers.get('authorization') ?? '';
    try {
      return Response.json(await answer(sent === '' ? undefined : JSON.parse(sent), token, path.split('/').at(-1)));
    } catch (refusal) {
      if (refusal instanceof Response) return refusal;
      return failure(500, 'stand_in_failed');
    }
  };

  #routes = {
    'POST /keystore/srp/username': () => ({
      username: `u${randomUUID().slice(0, 8)}`,
      expires_at: '2099-01-01T00:00:00.000Z',
    }),

    'POST /keystore/srp/users': ({ username, srp_salt, srp_verifier }) => {
      if (this.users.has(username)) throw failure(400, 'username_taken');
      const user = {
        id: randomUUID(),
        username,
        salt: srp_salt,
        verifier: srp_verifier,
        keypairs: [],
        deks: new Map(),
      };
      this.users.set(username, user);
      return { user: { id: user.id, username } };
    },

    'POST /keystore/srp/challenges': async ({ username, srp_a }) => {
      const user = this.users.get(username);
      if (user === undefined) throw failure(404, 'not_found');
      const server = new jsrp.server();
      await new Promise((done) =>
        server.init({ salt: user.salt, verifier: user.verifier, b: this.b, length: 2048 }, done),
      );
      server.setClientPublicKey(srp_a);
      this.#challenges.set(srp_a, server);
      this.lastB = server.getPublicKey();
      return { challenge: { challenge_salt: server.getSalt(), challenge_b: this.lastB } };
    },

    'POST /keystore/srp/session': ({ username, srp_a, srp_m }) => {
      const server = this.#challenges.get(srp_a);
      this.#challenges.delete(srp_a);
      if (!server?.checkClientProof(srp_m)) {
        this.proofs.wrong += 1;
        throw failure(401, 'unauthorized');
      }
      this.proofs.right += 1;
      const token = randomUUID();
      this.#keystoreSessions.set(token, this.users.get(username));
      const times = { valid_from: '2020-01-01T00:00:00.000Z', valid_till: '2099-01-01T00:00:00.000Z' };
      return { session: { id: randomUUID(), session_authentication_string: token, username, ...times } };
    },

    'GET /keystore/external_admission_tokens': (_, token) => {
      this.#signedIn(token);
      return {
        external_admission_token: { vault_api_admission_token: randomUUID(), passphrase_store_admission_token: null },
      };
    },

    'POST /keystore/key_encryption_key': ({ serialized_key_encryption_key }, token) => {
      const user = this.#signedIn(token);
      user.kek = { id: randomUUID(), serialized_key_encryption_key };
      return { key_encryption_key: user.kek };
    },
    'GET /keystore/key_encryption_key': (_, token) => ({ key_encryption_key: found(this.#signedIn(token).kek) }),

    'POST /keystore/data_encryption_keys': ({ serialized_data_encryption_key }, token) => {
      const record = { id: randomUUID(), serialized_data_encryption_key };
      this.#signedIn(token).deks.set(record.id, record);
      return { data_encryption_key: record };
    },
    'GET /keystore/data_encryption_keys/:id': (_, token, id) => ({
      data_encryption_key: found(this.#signedIn(token).deks.get(id)),
    }),

    'POST /keystore/keypairs': (sent, token) => {
      const keypair = { id: randomUUID(), metadata: {}, external_identifiers: [], ...sent };
      this.#signedIn(token).keypairs.push(keypair);
      return { keypair };
    },
    'GET /keystore/keypairs/external_id/auth': (_, token) => {
      const { keypairs } = this.#signedIn(token);
      return { keypair: found(keypairs.find((pair) => pair.external_identifiers.includes('auth'))) };
    },

    'POST /vault/me': async ({ public_key }) => {
      const user = { id: randomUUID(), private_dek_external_id: null };
      this.#vaultUsers.set(public_key, user);
      return { ...(await this.#openVault(public_key)), user, associations: [], organisations: [] };
    },
    'POST /vault/session': async ({ public_key }) => ({ session: await this.#openVault(public_key) }),
    'PUT /vault/me': ({ user }, token) => ({
      user: Object.assign(found(this.#vaultSessions.get(token)), user),
      associations: [],
    }),
    'GET /vault/me': (_, token) => ({ user: found(this.#vaultSessions.get(token)), associations: [] }),
  };

  #signedIn(token) {
    const user = this.#keystoreSessions.get(token);
    if (user === undefined) throw failure(401, 'unauthorized');
    return user;
  }

  async #openVault(publicKey) {
    const token = randomUUID().replaceAll('-', '').slice(0, 20);
    this.#vaultSessions.set(token, found(this.#vaultUsers.get(publicKey)));
    return { encrypted_session_authentication_string: await cryppo.rsaEncrypt(publicKey, Buffer.from(token)) };
  }
}

function found(record) {
  if (record == null) throw failure(404, 'not_found');
  return record;
}

function failure(status, error) {
  return Response.json({ errors: [{ error, http_code: status, message: error, extra_info: null }] }, { status });
}
