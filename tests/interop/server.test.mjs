// Our server, driven by other people's clients: jsrp and @meeco/cryppo, and accounts crossing between them and ours.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { VaultClient, withCode } from './ours.mjs';
import {
  derive,
  makeSecret,
  openKeystore,
  register,
  registerForLogin,
  Services,
  signIn,
  srpClient,
} from './peer-account.mjs';
import { recent as cryppo } from './peers.mjs';

const BASE = process.env.VAULTSHARE_SERVER_URL;
assert.ok(BASE, 'VAULTSHARE_SERVER_URL says where the server is; cargo xtask test interop starts one');

const ours = new VaultClient({
  vaultUrl: `${BASE}/vault`,
  keystoreUrl: `${BASE}/keystore`,
  subscriptionKey: 'interop',
});

describe('jsrp 0.2.4 as the client of our Keystore', () => {
  let derived;
  before(async () => {
    const { username } = await new Services(BASE).keystore('POST', '/srp/username', {});
    derived = await derive(makeSecret(username), 'Größe 鍵 🔑');
    const user = await registerForLogin(new Services(BASE), derived);
    assert.equal(user.username, username);
  });

  test('signs in with the password that it registered', async () => {
    const services = new Services(BASE);
    const session = await openKeystore(services, derived);
    assert.equal(session.username, derived.username);
    assert.ok(Date.parse(session.valid_till) > Date.parse(session.valid_from));
    await services.keystore('GET', '/external_admission_tokens');
  });

  test('is turned away with another password', async () => {
    const wrong = { ...derived, password: derived.password.replace(/^./s, (first) => (first === 'x' ? 'y' : 'x')) };
    await assert.rejects(openKeystore(new Services(BASE), wrong), { status: 401 });
  });

  test('is turned away when it answers a challenge a second time', async () => {
    const services = new Services(BASE);
    const client = await srpClient(derived);
    const { username } = derived;
    const srp_a = client.getPublicKey();
    const { challenge } = await services.keystore('POST', '/srp/challenges', { username, srp_a });
    client.setSalt(challenge.challenge_salt);
    client.setServerPublicKey(challenge.challenge_b);
    const proof = { username, srp_a, srp_m: client.getProof() };
    await services.keystore('POST', '/srp/session', proof);
    await assert.rejects(services.keystore('POST', '/srp/session', proof), { status: 401 });
  });

  test('cannot register a username that is taken', async () => {
    await assert.rejects(registerForLogin(new Services(BASE), derived), (error) => {
      assert.equal(error.status, 400);
      assert.match(error.message, /"username_taken"/);
      return true;
    });
  });
});

describe('an account, crossing', () => {
  const passphrase = 'Größe 鍵 🔑';

  test('made by ours, is signed into by theirs, who open every key of it', async () => {
    const session = await ours.createUser(passphrase);
    const account = await signIn(new Services(BASE), session.secret, passphrase);
    assert.equal(account.userId, session.userId);
    for (const key of [account.kek, account.dek]) assert.equal(Buffer.from(key, 'base64url').length, 32);
    session.close();
  });

  test('made by theirs, is signed into by ours, who read what theirs wrote and are read', async () => {
    const services = new Services(BASE);
    const account = await register(services, passphrase, await cryppo.generateKeyPair());
    const session = await ours.signIn(account.secret, passphrase);
    assert.equal(session.userId, account.userId);

    const slots_attributes = [{ name: 'vin', encrypted_value: await cryppo.encryptText(account.dek, 'Größe 鍵 🔑') }];
    const written = await services.vault('POST', '/items', {
      template_name: 'vehicle',
      item: { label: 'theirs', slots_attributes },
    });
    assert.equal((await session.items.get(written.item.id)).value('vin'), 'Größe 鍵 🔑');

    const made = await session.items.create({ template: 'vehicle', label: 'ours', slots: { vin: '鍵 of ours' } });
    const read = await services.vault('GET', `/items/${made.id}`);
    const slot = read.slots.find(({ name }) => name === 'vin');
    assert.equal(await cryppo.decryptText(account.dek, slot.encrypted_value), '鍵 of ours');
    session.close();
  });

  test('made by theirs, is closed to us with a wrong passphrase', async () => {
    const account = await register(new Services(BASE), passphrase, await cryppo.generateKeyPair());
    await assert.rejects(ours.signIn(account.secret, 'Grösse'), withCode('LOGIN_FAILED'));
  });
});
