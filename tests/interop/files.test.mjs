// Files between ours and what the platform's packages for files were made of, from 2020 to 2023, on our server. Theirs go in
// blocks, or whole in a form; ours in blocks.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { GeneratedClient } from './generated.mjs';
import { otherwise, passphrase, User } from './generated-user.mjs';
import { sameBytes, VaultClient, withCode } from './ours.mjs';
import { BLOCK, CALLS_OF_FILES, FileStorage, times } from './peer-files.mjs';
import { base64url, old } from './peers.mjs';

const BASE = process.env.VAULTSHARE_SERVER_URL;
assert.ok(BASE, 'VAULTSHARE_SERVER_URL says where the server is; cargo xtask test interop starts one');

const client = new VaultClient({ vaultUrl: `${BASE}/vault`, keystoreUrl: `${BASE}/keystore` });
const ofMay2021 = [/\.next_page_after$/, 'null at the end, as the versions before and after declare it'];
const keystore = new GeneratedClient('keystore-api-10', otherwise);
const generations = Object.entries(times).map(([alias, time]) => {
  const vault = new GeneratedClient(alias, alias === 'vault-api-31' ? [...otherwise, ofMay2021] : otherwise);
  return { vault, storage: new FileStorage(vault, time), newUser: () => new User({ vault, keystore, base: BASE }) };
});

const newKey = () => base64url(randomBytes(32));
const type = 'image/png';
const ofBlocks = { name: 'Größe 鍵.png', type, bytes: randomBytes(2 * BLOCK + 1500) };
const ofOneBlock = { name: 'small.png', type, bytes: randomBytes(10) };
const ofNone = { name: 'empty.png', type, bytes: new Uint8Array() };
const thumbnail = Buffer.from('89504e470d0a1a0a00', 'hex');
const whole = { name: 'whole.png', type, bytes: randomBytes(3000) };

const named = (files, { name }) => files.find((file) => file.name === name) ?? assert.fail(`there is no ${name}`);
const bytesOf = async (attachment) => new Uint8Array(await (await attachment.blob()).arrayBuffer());

/** The secret of a user of theirs, and a session of one of ours, who are connected. */
let secret;
let ours;

before(async () => {
  const theirs = generations.at(-1).newUser();
  await theirs.register();
  secret = theirs.secret;
  ours = await client.createUser(passphrase);
  const { token } = await ours.invitations.create({ name: 'Theirs' });
  await theirs.accept(token, 'Ours');
});
after(() => ours?.close());

for (const { vault, storage, newUser } of generations) {
  describe(`files of ${vault.name} and ours`, { concurrency: false }, () => {
    let user;
    let connection;

    before(async () => {
      user = await newUser().signIn(secret);
      [connection] = (await user.vault('connectionsGet')).connections;
    });

    async function attach(item, file, upload) {
      const key = newKey();
      const attachment = await upload(user, key, file);
      await storage.addSlot(user, item.item.id, key, attachment, file.name);
      await storage.addThumbnail(user, key, attachment.id, '128x128/png', thumbnail);
    }

    test('sends files in blocks and whole, and ours read them once they are shared', async () => {
      const item = await user.makeItem({ vin: '1' });
      for (const file of [ofBlocks, ofOneBlock]) await attach(item, file, storage.upload.bind(storage));
      await attach(item, whole, storage.uploadWhole.bind(storage));
      const share = await user.share(await user.vault('itemsIdGet', { id: item.item.id }), connection);
      const received = await ours.items.attachments((await ours.shares.get(share.id)).item.id);
      assert.equal(received.length, 3);
      for (const file of [ofBlocks, ofOneBlock, whole]) {
        const attachment = named(received, file);
        assert.deepEqual([attachment.label, attachment.type], [file.name, file.type]);
        sameBytes(await bytesOf(attachment), file.bytes);
        sameBytes(await (await attachment.thumbnail()).arrayBuffer(), thumbnail);
        await assert.rejects(attachment.open({ requireBound: true }), withCode('UNBOUND_VALUE'));
      }
      const part = await named(received, ofBlocks).open({ start: BLOCK - 3, end: BLOCK + 4 });
      sameBytes(await new Response(part).arrayBuffer(), ofBlocks.bytes.subarray(BLOCK - 3, BLOCK + 4));
    });

    test('reads files of ours, in blocks, once they are shared and until they are not', async () => {
      const item = await ours.items.create({ template: 'vehicle', label: 'Mazda', slots: { vin: '2' } });
      for (const { name, bytes } of [ofBlocks, ofOneBlock, ofNone]) {
        const attachment = await ours.items.attach(item.id, bytes, { name, type });
        await attachment.addThumbnail(thumbnail);
      }
      const [{ id: connectionId }] = (await ours.connections.list()).entries;
      const share = await ours.shares.create({ itemId: item.id, connectionId });
      const { slots, values, attachments, thumbnails } = await user.read(share.id);
      const ofFiles = slots.filter(({ attachment_id }) => attachment_id);
      assert.equal(ofFiles.length, 3);
      for (const file of [ofBlocks, ofOneBlock, ofNone]) {
        const slot = ofFiles.find(({ label }) => label === file.name);
        const { attachment_id: id } = slot;
        const key = values[slot.name];
        sameBytes((await storage.download(user, key, id)).bytes, file.bytes);
        const shown = attachments.find((attachment) => attachment.id === id);
        assert.deepEqual([shown.filename, shown.content_type], [file.name, type]);
        const small = thumbnails.find(({ binary_id }) => binary_id === id);
        sameBytes(await storage.thumbnail(user, key, small.id), thumbnail);
      }
      await ours.shares.delete(share.id);
      const [{ attachment_id }] = ofFiles;
      await assert.rejects(user.vault('attachmentsIdGet', { id: attachment_id }), { status: 404 });
    });

    test('keeps thumbnails, one of each size', async () => {
      const item = await user.makeItem({});
      const key = newKey();
      const attachment = await storage.upload(user, key, ofOneBlock);
      await storage.addSlot(user, item.item.id, key, attachment, 'Picture');
      const sent = { '128x128/png': 'small', '256x256/jpg': 'larger', '512x512/jpg': 'not for long' };
      for (const [size, content] of [...Object.entries(sent), ['512x512/jpg', 'largest']]) {
        const made = await storage.addThumbnail(user, key, attachment.id, size, Buffer.from(content));
        assert.deepEqual([made.size_type, made.binary_id], [size, attachment.id]);
      }
      const { thumbnails } = await user.vault('itemsIdGet', { id: item.item.id });
      const contents = {};
      for (const { id, size_type } of thumbnails)
        contents[size_type] = Buffer.from(await storage.thumbnail(user, key, id)).toString();
      assert.deepEqual(contents, { ...sent, '512x512/jpg': 'largest' });

      const [{ id, size_type }] = thumbnails;
      await user.vault('thumbnailsIdDelete', { id });
      await assert.rejects(user.vault('thumbnailsIdGet', { id }), { status: 404 });
      const left = (await user.vault('itemsIdGet', { id: item.item.id })).thumbnails;
      assert.ok(left.length === 2 && left.every((other) => other.size_type !== size_type));
    });

    test('lists, shows and deletes files, and leaves no call for them untried', async () => {
      const key = newKey();
      const sent = [await storage.upload(user, key, ofOneBlock), await storage.uploadWhole(user, key, whole)];
      const { attachments } = await user.vault('attachmentsGet');
      for (const [at, { name, bytes }] of [ofOneBlock, whole].entries()) {
        const { id } = sent[at];
        assert.equal(attachments.find((attachment) => attachment.id === id).filename, name);
        const { attachment } = await user.vault('attachmentsIdGet', { id });
        assert.deepEqual([attachment.filename, attachment.is_direct_upload], [name, at === 0]);
        // The last versions cannot read what they send whole.
        if (at === 0 || vault.methods.has('attachmentsIdDownloadGet'))
          sameBytes((await storage.download(user, key, id)).bytes, bytes);
        await user.vault(at === 0 ? 'directAttachmentsIdDelete' : 'attachmentsIdDelete', { id });
        await assert.rejects(user.vault('attachmentsIdGet', { id }), { status: 404 });
      }
      const calls = [...vault.methods.keys()].filter((method) => CALLS_OF_FILES.test(method));
      assert.deepEqual(
        calls.filter((method) => !vault.called.has(method)),
        [],
      );
    });
  });
}

describe('the key of a file in its slot, in 2020 and by ours', () => {
  const { storage, newUser } = generations[0];
  let user;

  before(async () => {
    user = await newUser().signIn(secret);
  });

  test('is 32 bytes that are no text, and ours read the file in the account of its user', async () => {
    const { item } = await user.makeItem({});
    const key = newKey();
    const { id } = await storage.uploadWhole(user, key, whole);
    const encrypted_value = await old.encryptBytes(user.dek, Buffer.from(key, 'base64url'));
    const slot = { label: 'Picture', slot_type_name: 'attachment', encrypted_value, attachment_attributes: { id } };
    await user.vault('itemsIdPut', { id: item.id, body: { item: { slots_attributes: [slot] } } });
    const session = await client.signIn(secret, passphrase);
    const [attachment, ...others] = await session.items.attachments(item.id);
    assert.deepEqual([attachment.name, others], [whole.name, []]);
    sameBytes(await bytesOf(attachment), whole.bytes);
    session.close();
  });

  test('is text, which theirs take for the key itself', async () => {
    const session = await client.signIn(secret, passphrase);
    const item = await session.items.create({ template: 'vehicle', label: 'Mazda', slots: {} });
    await session.items.attach(item.id, ofOneBlock.bytes, { name: ofOneBlock.name, type });
    const { slots } = await user.vault('itemsIdGet', { id: item.id });
    const { attachment_id, encrypted_value } = slots.find((slot) => slot.attachment_id);
    const value = await old.decryptText(user.dek, encrypted_value);
    assert.equal(value.length, 44);
    const taken = base64url(Buffer.from(value, 'latin1'));
    await assert.rejects(storage.download(user, taken, attachment_id), TypeError);
    sameBytes((await storage.download(user, value, attachment_id)).bytes, ofOneBlock.bytes);
    session.close();
  });
});
