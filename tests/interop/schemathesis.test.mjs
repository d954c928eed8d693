// Our server's OpenAPI documents, and whether the server does what they say, by schemathesis 4.32.5.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startServer } from '../e2e/support/server.mjs';
import { register, Services } from './peer-account.mjs';

const program = process.env.VAULTSHARE_SCHEMATHESIS;
assert.ok(program, 'VAULTSHARE_SCHEMATHESIS says where schemathesis is; cargo xtask test interop installs it');

const settings = fileURLToPath(new URL('schemathesis.toml', import.meta.url));
const unlimited = [
  '--limits-attempts-per-user=0',
  '--limits-attempts-per-user-anywhere=0',
  '--limits-attempts-per-address=0',
  '--limits-challenges-per-address=0',
  '--limits-sessions-per-address=0',
  '--limits-sign-ups-per-address=0',
  '--limits-invitations-per-day=0',
];
/** What ends the session that all other requests have. */
const endings = ['delete_session', 'delete_session_all', 'delete_me'];

const SEALED = 'Aes256Gcm.c2VhbGVk.QUFBQQ==';
const encodings = {
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
};

describe('schemathesis', () => {
  let folder;
  let server;
  let variables;
  let tokens;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vaultshare-schemathesis-'));
    server = await startServer({ data: join(folder, 'data'), more: unlimited });
    const [alice, bob] = [await user(), await user()];
    await connect(bob, alice);
    const [given, got] = [await share(alice, bob), await share(bob, alice)];
    const received = await alice.vault('GET', `/incoming_shares/${got.share.id}/item`);
    const { item_template } = await alice.vault('POST', '/item_templates', { label: 'Bicycle' });
    const node = { classification_scheme_name: 'tag', label: 'cars' };
    const { classification_node } = await alice.vault('POST', '/classification_nodes', { classification_node: node });
    const { invitation } = await alice.vault('POST', '/invitations', { public_key: { public_key: alice.publicKey } });
    const { connections } = await alice.vault('GET', '/connections');
    const { user: me } = await alice.vault('GET', '/me');
    const { keypair } = await alice.keystore('GET', '/keypairs/external_id/auth');
    variables = {
      ITEM: given.item.id,
      SLOT: given.slot.id,
      RECEIVED: received.item.id,
      OUTGOING: given.share.id,
      INCOMING: got.share.id,
      TEMPLATE: item_template.id,
      NODE: classification_node.id,
      INVITATION: invitation.id,
      CONNECTION: connections[0].own.id,
      DEK: me.private_dek_external_id,
      KEYPAIR: keypair.id,
    };
    tokens = alice.tokens;
  });

  after(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function user() {
    const keyPair = generateKeyPairSync('rsa', { modulusLength: 2048, ...encodings });
    const services = new Services(server.url);
    const account = await register(services, 'supersecretpassword', keyPair);
    return Object.assign(services, { id: account.userId, publicKey: keyPair.publicKey });
  }

  async function connect(inviter, invitee) {
    const { invitation } = await inviter.vault('POST', '/invitations', {
      public_key: { public_key: inviter.publicKey },
    });
    const connection = { invitation_token: invitation.token };
    await invitee.vault('POST', '/connections', { public_key: { public_key: invitee.publicKey }, connection });
  }

  async function share(owner, recipient) {
    const slots_attributes = [{ name: 'vin', encrypted_value: SEALED }];
    const made = await owner.vault('POST', '/items', {
      template_name: 'vehicle',
      item: { label: 'DeLorean', slots_attributes },
    });
    const slot = made.slots.find(({ name }) => name === 'vin');
    const value = {
      slot_id: slot.id,
      encrypted_value: SEALED,
      encrypted_value_verification_key: SEALED,
      value_verification_hash: 'ab'.repeat(32),
    };
    const { shares } = await owner.vault('POST', `/items/${made.item.id}/shares`, {
      shares: [
        {
          recipient_id: recipient.id,
          public_key: recipient.publicKey,
          encrypted_dek: 'Rsa4096.ZGVr.QQUAAAAA',
          slot_values: [value],
        },
      ],
    });
    return { item: made.item, slot, share: shares[0] };
  }

  /** Runs schemathesis on a document, and gives what it says, with whether it found nothing. */
  async function attack(document, service, filters) {
    const url = `${server.url}/${service}`;
    const given = ['--config-file', settings, 'run', document, '--url', url, '--no-color', ...filters];
    const env = { ...process.env, ...variables, TOKEN: tokens[service], PYTHONIOENCODING: 'utf-8' };
    const options = { cwd: folder, env, timeout: 170_000, maxBuffer: 64 * 1024 * 1024 };
    return new Promise((done) => {
      execFile(program, given, options, (error, stdout, stderr) =>
        done({ passed: error === null, said: stdout + stderr }),
      );
    });
  }

  const only = (ids) => ids.flatMap((id) => ['--include-operation-id', id]);
  const without = (ids) => ids.flatMap((id) => ['--exclude-operation-id', id]);

  test('notices a document that is wrong', async () => {
    const document = await (await fetch(`${server.url}/vault/openapi.json`)).json();
    document.components.schemas.Component.properties.name = { type: 'integer' };
    const file = join(folder, 'wrong.json');
    await writeFile(file, JSON.stringify(document));
    const { passed, said } = await attack(file, 'vault', only(['get_version']));
    assert.ok(!passed && said.includes('Response violates schema'), said);
  });

  for (const [service, least] of [
    ['keystore', 20],
    ['vault', 60],
  ])
    test(`finds that the ${service} does what its document says, and no fault`, async () => {
      const document = `${server.url}/${service}/openapi.json`;
      for (const filters of [without(endings), only(endings)]) {
        const { passed, said } = await attack(document, service, filters);
        assert.ok(passed, said);
        assert.ok(!said.includes(tokens.keystore) && !said.includes(tokens.vault));
        const [, tested] = /Tested: (\d+)/.exec(said);
        if (filters[0] === '--exclude-operation-id') assert.ok(Number(tested) >= least, said);
      }
    });
});
