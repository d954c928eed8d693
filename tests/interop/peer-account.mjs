// A client of the two services made of other people's parts: jsrp 0.2.4 for the login, @meeco/cryppo 2.0.2 for the keys,
// Node for key derivation. It does what registering and signing in are documented to do, in the documented order.

import assert from 'node:assert/strict';
import { pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

import jsrp from 'jsrp';

import { base64url, recent as cryppo } from './peers.mjs';

const BITCOIN = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** The two services at an address; `send` is a `fetch`. A reply that is no success is thrown as `{ status, body }`. */
export class Services {
  constructor(base, send = fetch) {
    this.vaultUrl = `${base}/vault`;
    this.keystoreUrl = `${base}/keystore`;
    this.send = send;
    this.tokens = {};
  }

  keystore(method, path, body) {
    return this.#call(this.keystoreUrl, this.tokens.keystore, method, path, body);
  }

  vault(method, path, body) {
    return this.#call(this.vaultUrl, this.tokens.vault, method, path, body);
  }

  async #call(base, token, method, path, body) {
    const headers = { 'Meeco-Subscription-Key': 'interop', Accept: 'application/json' };
    if (token !== undefined) headers.Authorization = token;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const reply = await this.send(base + path, { method, headers, body: JSON.stringify(body) });
    const text = await reply.text();
    if (!reply.ok)
      throw Object.assign(new Error(`${method} ${path}: ${reply.status} ${text}`), { status: reply.status });
    return text === '' ? undefined : JSON.parse(text);
  }
}

/** A secret for a username: `1.`, the username, and 32 random bytes in base58 with a hyphen after every six characters. */
export function makeSecret(username) {
  let number = BigInt(`0x01${randomBytes(31).toString('hex')}`);
  let key = '';
  for (; number > 0n; number /= 58n) key = BITCOIN[Number(number % 58n)] + key;
  return `1.${username}.${key.match(/.{1,6}/g).join('-')}`;
}

/** What passphrase and secret give: the key of the KEK, and the password of the login. */
export async function derive(secret, passphrase) {
  const [, username, groups] = secret.split('.');
  const salt = groups.replaceAll('-', '');
  const stretch = (text) => promisify(pbkdf2)(passphrase, text, 100_000, 32, 'sha256');
  const [key, password] = await Promise.all([stretch(salt), stretch([...salt].reverse().join(''))]);
  return { username, passphraseKey: base64url(key), password: password.toString('latin1') };
}

/** A jsrp client; its password is a string whose characters are the derived bytes. */
export async function srpClient({ username, password }) {
  const client = new jsrp.client();
  await new Promise((done) => client.init({ username, password, length: 2048 }, done));
  return client;
}

/** Registers for the login protocol alone. */
export async function registerForLogin(services, derived) {
  const client = await srpClient(derived);
  const { salt, verifier } = await promisify(client.createVerifier).call(client);
  const registration = { username: derived.username, srp_salt: salt, srp_verifier: verifier };
  return (await services.keystore('POST', '/srp/users', registration)).user;
}

/** Signs in to the Keystore with jsrp and keeps the session's token. */
export async function openKeystore(services, derived) {
  const client = await srpClient(derived);
  const { username } = derived;
  const srp_a = client.getPublicKey();
  const { challenge } = await services.keystore('POST', '/srp/challenges', { username, srp_a });
  client.setSalt(challenge.challenge_salt);
  client.setServerPublicKey(challenge.challenge_b);
  const proof = { username, srp_a, srp_m: client.getProof() };
  const { session } = await services.keystore('POST', '/srp/session', proof);
  services.tokens.keystore = session.session_authentication_string;
  return session;
}

/** Registers with both services: KEK, login key pair, DEK. Gives what the account is made of. */
export async function register(services, passphrase, keyPair) {
  const { username } = await services.keystore('POST', '/srp/username', {});
  const secret = makeSecret(username);
  const derived = await derive(secret, passphrase);
  await registerForLogin(services, derived);
  await openKeystore(services, derived);
  const { external_admission_token } = await services.keystore('GET', '/external_admission_tokens');

  const kek = newKey();
  const wrappedKek = await cryppo.encryptBytes(derived.passphraseKey, bytes(kek));
  await services.keystore('POST', '/key_encryption_key', { serialized_key_encryption_key: wrappedKek });
  await services.keystore('POST', '/keypairs', {
    public_key: keyPair.publicKey,
    encrypted_serialized_key: await cryppo.encryptText(kek, keyPair.privateKey),
    external_identifiers: ['auth'],
  });

  const admission_token = external_admission_token.vault_api_admission_token;
  const created = await services.vault('POST', '/me', { public_key: keyPair.publicKey, admission_token });
  services.tokens.vault = await token(keyPair.privateKey, created.encrypted_session_authentication_string);

  const dek = newKey();
  const wrappedDek = await cryppo.encryptBytes(kek, bytes(dek));
  const stored = await services.keystore('POST', '/data_encryption_keys', {
    serialized_data_encryption_key: wrappedDek,
  });
  await services.vault('PUT', '/me', { user: { private_dek_external_id: stored.data_encryption_key.id } });
  return { secret, userId: created.user.id, kek, dek, privateKey: keyPair.privateKey };
}

/** Signs in to both services and opens everything that the account is made of. */
export async function signIn(services, secret, passphrase) {
  const derived = await derive(secret, passphrase);
  await openKeystore(services, derived);
  const { key_encryption_key } = await services.keystore('GET', '/key_encryption_key');
  const kek = base64url(
    await cryppo.decryptBytes(derived.passphraseKey, key_encryption_key.serialized_key_encryption_key),
  );
  const { keypair } = await services.keystore('GET', '/keypairs/external_id/auth');
  const privateKey = await cryppo.decryptText(kek, keypair.encrypted_serialized_key);
  const { session } = await services.vault('POST', '/session', { public_key: keypair.public_key });
  services.tokens.vault = await token(privateKey, session.encrypted_session_authentication_string);
  const { user } = await services.vault('GET', '/me');
  const { data_encryption_key } = await services.keystore(
    'GET',
    `/data_encryption_keys/${user.private_dek_external_id}`,
  );
  const dek = base64url(await cryppo.decryptBytes(kek, data_encryption_key.serialized_data_encryption_key));
  return { secret, userId: user.id, kek, dek, privateKey, publicKey: keypair.public_key };
}

async function token(privateKey, envelope) {
  const opened = Buffer.from(await cryppo.rsaDecrypt(privateKey, envelope)).toString('latin1');
  assert.match(opened, /^[\x21-\x7e]+$/, 'a session token is printable ASCII');
  return opened;
}

const newKey = () => base64url(randomBytes(32));
const bytes = (key) => new Uint8Array(Buffer.from(key, 'base64url'));
