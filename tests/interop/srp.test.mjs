// Registering and signing in, with jsrp 0.2.4 and @meeco/cryppo on the other side of our client, and nothing of ours there.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';

import jsrp from 'jsrp';

import { fixture, VaultClient, withCode } from './ours.mjs';
import { derive, register, Services, signIn, srpClient } from './peer-account.mjs';
import { BASE, StandIn } from './stand-in.mjs';

const PASSPHRASES = { ASCII: 'supersecretpassword', 'beyond ASCII': 'Größe 鍵 🔑' };

const GUIDES_SECRET = '1.M9znjHbD5Xi.xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9';

/** A private value of the server for which B, of the guide's user with this salt, begins with a zero byte. */
const B_BEGINS_WITH_ZEROS = {
  salt: `0000${'22'.repeat(30)}`,
  b: '3b503d963e2bcb0de96eec05c5d5223bc5c8a3152837c136d94abf72b2b417fd',
};

const authentication = {
  privateKey: fixture('rsa4096-private-pkcs1.pem'),
  publicKey: fixture('rsa4096-public-spki.pem'),
};

function clientOf(standIn) {
  return new VaultClient({
    vaultUrl: `${BASE}/vault`,
    keystoreUrl: `${BASE}/keystore`,
    fetch: standIn.fetch,
    retries: 0,
  });
}

for (const [kind, passphrase] of Object.entries(PASSPHRASES)) {
  describe(`with a passphrase in ${kind}`, () => {
    test('an account that we make satisfies jsrp, and theirs open every key of it', async () => {
      const standIn = new StandIn();
      const session = await clientOf(standIn).createUser(passphrase);
      assert.deepEqual(standIn.proofs, { right: 1, wrong: 0 });

      const [user] = standIn.users.values();
      assert.match(user.salt, /^[0-9a-f]{64}$/);
      assert.match(user.verifier, /^[0-9a-f]{512}$/);

      const opened = await signIn(new Services(BASE, standIn.fetch), session.secret, passphrase);
      assert.equal(opened.userId, session.userId);
      assert.equal(Buffer.from(opened.kek, 'base64url').length, 32);
      assert.equal(Buffer.from(opened.dek, 'base64url').length, 32);
      assert.match(opened.privateKey, /^-----BEGIN RSA PRIVATE KEY-----\r\n/);
      assert.match(opened.publicKey, /^-----BEGIN PUBLIC KEY-----\r\n/);
      assert.deepEqual(standIn.proofs, { right: 2, wrong: 0 });
      session.close();
    });

    test('we sign in to an account that theirs made', async () => {
      const standIn = new StandIn();
      const account = await register(new Services(BASE, standIn.fetch), passphrase, authentication);
      const session = await clientOf(standIn).signIn(account.secret, passphrase);
      assert.equal(session.userId, account.userId);
      assert.equal(session.secret, account.secret);
      assert.deepEqual(standIn.proofs, { right: 2, wrong: 0 });
      session.close();
    });

    test('jsrp turns us away when we have a wrong passphrase', async () => {
      const standIn = new StandIn();
      const account = await register(new Services(BASE, standIn.fetch), passphrase, authentication);
      const wrong = `${passphrase}!`;
      await assert.rejects(clientOf(standIn).signIn(account.secret, wrong), withCode('LOGIN_FAILED'));
      // As it was typed, and in each of Unicode's forms that differs from that.
      const spellings = new Set([wrong, wrong.normalize('NFC'), wrong.normalize('NFD')]);
      assert.deepEqual(standIn.proofs, { right: 1, wrong: spellings.size });
    });
  });
}

test('we satisfy jsrp also where salt and B begin with zeros', async () => {
  const standIn = new StandIn();
  standIn.b = B_BEGINS_WITH_ZEROS.b;
  const derived = await derive(GUIDES_SECRET, 'supersecretpassword');
  const registration = {
    salt: B_BEGINS_WITH_ZEROS.salt,
    verifier: verifierOf(await srpClient(derived), B_BEGINS_WITH_ZEROS.salt),
  };
  standIn.users.set(derived.username, {
    id: 'u',
    username: derived.username,
    ...registration,
    keypairs: [],
    deks: new Map(),
  });

  // It is a user of the Keystore's logins and of nothing else, so signing in ends right after the proof.
  await assert.rejects(clientOf(standIn).signIn(GUIDES_SECRET, 'supersecretpassword'), withCode('NOT_FOUND'));
  assert.match(standIn.lastB, /^00[0-9a-f]{510}$/);
  assert.deepEqual(standIn.proofs, { right: 1, wrong: 0 });
});

// One login with nothing random in it. The compiled crate is held against the same numbers (src/crypto/srp.rs).
test('jsrp gives the published numbers for the guide’s secret', async () => {
  const derived = await derive(GUIDES_SECRET, 'supersecretpassword');
  assert.equal(derived.passphraseKey, '24rdL_ugryujjDLcvwt00ARWWMCF4kk4gJETJy6yRjs=');
  assert.equal(
    Buffer.from(derived.password, 'latin1').toString('hex'),
    '99add08f62e26c1e145479f42c3aa8688cbfc9b220238f69fbe7448a82967173',
  );

  const client = new jsrp.client();
  const a = Buffer.alloc(32, 0x11);
  await new Promise((done) =>
    client.debugInit({ username: derived.username, password: derived.password, length: 2048, a }, done),
  );
  const salt = '22'.repeat(32);
  const verifier = verifierOf(client, salt);
  assert.equal(hashOf(verifier), '30b2630c266f0c4e5c5e9e40969d56062d3023e92c24b3c2df5be3aa5a1447a2');
  assert.equal(hashOf(client.getPublicKey()), '6532302de45c50ade1f2fc01a87a82c52ed3ae8a0a87180ea54fe98fa18c382a');

  const server = new jsrp.server();
  await new Promise((done) => server.init({ salt, verifier, b: '33'.repeat(32), length: 2048 }, done));
  assert.equal(hashOf(server.getPublicKey()), '38920ddd3c38b2176765d90a2bf833ec9c5d5fe3d36318511aea9c331bb551cb');

  client.setServerPublicKey(server.getPublicKey());
  server.setClientPublicKey(client.getPublicKey());
  assert.equal(client.getProof(), '6abab0395921c5e311c4fcec7f0db9b94d596a650c4f8ce4f13707381bea6af5');
  assert.ok(server.checkClientProof(client.getProof()));
  assert.equal(server.getProof(), '52ce14379c122c112cf34f9667c375c32b60f6d32b55080d8332869551e5e908');
  assert.ok(client.checkServerProof(server.getProof()));
});

/** What `createVerifier` gives, for a salt of one's own; the client keeps the salt. */
function verifierOf(client, salt) {
  client.setSalt(salt);
  return client.srp.v({ I: client.IBuf, P: client.PBuf, salt: client.saltBuf }).toString('hex');
}

function hashOf(hex) {
  return createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex');
}
