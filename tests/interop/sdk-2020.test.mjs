// The SDK of September 2020, unmodified, against our server. One story, told in order: each test goes on where the one
// before it ended.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';

import sdk from '@meeco/sdk';
import AzureBlockUpload from 'azure-block-upload';

import { sameBytes, VaultClient } from './ours.mjs';

const BASE = process.env.VAULTSHARE_SERVER_URL;
assert.ok(BASE, 'VAULTSHARE_SERVER_URL says where the server is; cargo xtask test interop starts one');

const environment = new sdk.Environment({
  vault: { url: `${BASE}/vault`, subscription_key: 'interop' },
  keystore: { url: `${BASE}/keystore`, subscription_key: 'interop', provider_api_key: '' },
});
const users = new sdk.UserService(environment);
const items = new sdk.ItemService(environment);
const connections = new sdk.ConnectionService(environment);
const shares = new sdk.ShareService(environment);
const tasks = new sdk.ClientTaskQueueService(environment);

const PASSPHRASE = 'Größe 鍵 🔑';

/** One red pixel. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
);

async function newUser() {
  const username = await users.generateUsername();
  return users.create(PASSPHRASE, await new sdk.SecretService().generateSecret(username));
}

describe('the SDK of 2020', { concurrency: false }, () => {
  let alice;
  let bob;
  let item;
  let connection;
  let share;

  before(() => {
    sdk.configureFetch(fetch);
    globalThis.FileReader = FileReaderOfBrowsers;
  });

  test('makes users', async () => {
    alice = await newUser();
    bob = await newUser();
    assert.notEqual(alice.secret, bob.secret);
  });

  test('signs in again and finds the same keys', async () => {
    const again = await users.getAuthData(PASSPHRASE, alice.secret);
    assert.equal(again.data_encryption_key.key, alice.data_encryption_key.key);
    assert.equal(again.key_encryption_key.key, alice.key_encryption_key.key);
    await assert.rejects(users.getAuthData(`${PASSPHRASE}!`, alice.secret));
  });

  test('makes an item from a template and reads it', async () => {
    const slots = [
      { name: 'vin', value: '123' },
      { label: 'Colour', value: 'silver' },
    ];
    const config = new sdk.ItemCreateData({ template_name: 'vehicle', item: { label: 'DeLorean' }, slots });
    ({ item } = await items.create(alice.vault_access_token, alice.data_encryption_key, config));
    const read = await items.get(item.id, alice);
    assert.equal(valueNamed(read, 'vin'), '123');
    assert.equal(read.slots.find(({ label }) => label === 'Colour').value, 'silver');
  });

  test('attaches a picture, and reads it and the thumbnail that it makes', async () => {
    const picture = { itemId: item.id, label: 'Picture', file: PICTURE, fileName: 'p.png', fileType: 'image/png' };
    const { slots, attachments, thumbnails } = await items.attachFile(new sdk.FileAttachmentData(picture), alice);
    const slot = slots.find(({ label }) => label === 'Picture');
    assert.deepEqual(
      attachments.map(({ id, filename, content_type }) => [id, filename, content_type]),
      [[slot.attachment_id, 'p.png', 'image/png']],
    );
    const { vault_access_token: token, data_encryption_key: dek } = alice;
    sameBytes(Buffer.from(await items.downloadAttachment(slot.attachment_id, token, dek), 'latin1'), PICTURE);
    const [{ id, binary_id }, ...others] = thumbnails;
    assert.deepEqual([binary_id, others], [slot.attachment_id, []]);
    const thumbnail = Buffer.from(await items.downloadThumbnail(id, token, dek), 'latin1');
    assert.deepEqual([thumbnail.toString('latin1', 1, 4), thumbnail.readUInt32BE(16)], ['PNG', 256]);
  });

  test('has azure-block-upload 0.3.0 send blocks, several at once, and makes an attachment of them', async () => {
    const bytes = randomBytes(9 * 1024 * 1024);
    const send = async (fileName, content) => {
      const place = { fileName, fileType: '', fileSize: content.length };
      const { attachment_direct_upload_url: blob } = await items.directAttachmentUploadUrl(place, alice);
      await new AzureBlockUpload(blob.url, new File([content], fileName)).start();
      return blob;
    };
    const [main, artefacts] = [await send('film', bytes), await send('film.encryption_artifacts', Buffer.from('{}'))];
    const { attachment } = await items.directAttachmentAttach(
      {
        blobId: main.blob_id,
        blobKey: main.blob_key,
        artifactsBlobId: artefacts.blob_id,
        artifactsBlobKey: artefacts.blob_key,
      },
      alice,
    );
    const info = await items.getDirectAttachmentInfo({ attachmentId: attachment.id }, alice);
    assert.deepEqual([info.attachment.filename, info.attachment.is_direct_upload], ['film', true]);
    const headers = { Authorization: alice.vault_access_token };
    const reply = await fetch(`${BASE}/vault/attachments/${attachment.id}/download`, { headers });
    sameBytes(await reply.arrayBuffer(), bytes);
  });

  test('connects two users', async () => {
    const names = { toName: 'Bob', fromName: 'Alice' };
    connection = await connections.createConnection(new sdk.ConnectionCreateData(alice, bob, names));
    const [[ofAlice], [ofBob]] = await Promise.all([alice, bob].map((user) => connections.listConnections(user)));
    assert.deepEqual([ofAlice.name, ofBob.name], ['Bob', 'Alice']);
    assert.equal(ofAlice.connection.own.id, connection.fromUserConnection.own.id);
    assert.equal(ofAlice.connection.own.user_public_key, ofBob.connection.the_other_user.user_public_key);
  });

  test('shares an item under terms, which hide it until they are accepted', async () => {
    const terms = { sharing_mode: 'anyone', acceptance_required: 'acceptance_required', terms: 'be nice' };
    ({
      shares: [share],
    } = await shares.shareItem(alice, connection.fromUserConnection.own.id, item.id, terms));
    const hidden = await shares.getSharedItemIncoming(bob, share.id);
    assert.equal(hidden.share.encrypted_dek, null);
    assert.equal(hidden.share.terms, 'be nice');
  });

  test('accepts the terms and reads what was shared', async () => {
    await shares.acceptIncomingShare(bob, share.id);
    assert.equal(valueNamed(await shares.getSharedItemIncoming(bob, share.id), 'vin'), '123');
  });

  test('made an account that ours signs into and reads the same with', async () => {
    const ours = new VaultClient({
      vaultUrl: `${BASE}/vault`,
      keystoreUrl: `${BASE}/keystore`,
      subscriptionKey: 'interop',
    });
    const session = await ours.signIn(bob.secret, PASSPHRASE);
    const received = await session.shares.get(share.id);
    assert.equal(received.item.value('vin'), '123');
    assert.equal(received.share.terms, 'be nice');
    // The SDK encrypts a file under its user's key, which no slot has.
    assert.ok(received.item.slots.some(({ attachmentId }) => attachmentId));
    assert.deepEqual(await session.items.attachments(received.item.id), []);
    session.close();
  });

  test('signs into an account that ours made and reads its item', async () => {
    const ours = new VaultClient({
      vaultUrl: `${BASE}/vault`,
      keystoreUrl: `${BASE}/keystore`,
      subscriptionKey: 'interop',
    });
    const session = await ours.createUser(PASSPHRASE);
    const made = await session.items.create({ template: 'vehicle', label: 'Mazda', slots: { vin: 'JMZ' } });
    await session.items.attach(made.id, PICTURE, { name: 'p.png', type: 'image/png' });
    const account = await users.getAuthData(PASSPHRASE, session.secret);
    const read = await items.get(made.id, account);
    assert.equal(valueNamed(read, 'vin'), 'JMZ');
    assert.equal(read.slots.find(({ label }) => label === 'p.png').attachment_id, read.attachments[0].id);
    session.close();
  });

  test('updates the item, runs the task that this leaves, and the recipient reads the new value', async () => {
    const change = new sdk.ItemUpdateData({ id: item.id, label: 'DeLorean', slots: [{ name: 'vin', value: '999' }] });
    await items.update(alice.vault_access_token, alice.data_encryption_key, change);
    const { client_tasks } = await tasks.list(alice.vault_access_token);
    assert.deepEqual(
      client_tasks.map(({ work_type, target_id }) => [work_type, target_id]),
      [['update_item_shares', item.id]],
    );
    await tasks.updateSharesClientTasks(client_tasks, alice);
    assert.deepEqual((await tasks.list(alice.vault_access_token)).client_tasks, []);
    assert.equal(valueNamed(await shares.getSharedItemIncoming(bob, share.id), 'vin'), '999');
  });

  test('deletes the share, which is then gone for its recipient', async () => {
    await shares.deleteSharedItem(bob, share.id);
    await assert.rejects(shares.getSharedItemIncoming(bob, share.id));
  });

  test('signs out, and its tokens are worth nothing then', async () => {
    await users.deleteSessionTokens(alice.vault_access_token, alice.keystore_access_token);
    await assert.rejects(users.getUser(alice.vault_access_token));
  });
});

/** What azure-block-upload expects of a browser and Node does not have. */
class FileReaderOfBrowsers {
  async readAsArrayBuffer(blob) {
    this.result = await blob.arrayBuffer();
    this.onload();
  }
}

function valueNamed({ slots }, name) {
  return slots.find((slot) => slot.name === name)?.value;
}
