// What the platform's packages for files (file-storage-common and -node) and its command line do, call by call. They are in
// no registry, so that what they do between the packages that they are made of stands here: the generated Vault client,
// @meeco/cryppo, and axios, which sends blocks to where they are stored.

import assert from 'node:assert/strict';

import axios from 'axios';

import { old, recent } from './peers.mjs';

/** The calls of the generated clients that files take. */
export const CALLS_OF_FILES = /^(attachments(?!Folders|InSlots)|directAttachments|thumbnails)/;

export const BLOCK = 1024 * 1024;

const of2020 = {
  cryppo: old,
  strategyMember: 'encryption_stratergy', // As it was misspelt then.
  // A character for each of the 32 bytes, in UTF-8.
  valueOf: (key) => Buffer.from(key, 'base64url').toString('latin1'),
  link: (id) => ({ attachment_attributes: { id } }),
  storageHeaders: {},
};
const later = {
  cryppo: recent,
  strategyMember: 'encryption_strategy',
  valueOf: (key) => key,
  link: (id) => ({ attachment_id: id }),
  storageHeaders: { 'Meeco-Subscription-Key': 'interop' },
};

/** How those packages were, by the generated client that they were made of. */
export const times = {
  'vault-api-19': of2020,
  'vault-api-22': { ...later, link: of2020.link },
  'vault-api-31': later,
  'vault-api-37': later,
  'vault-api-39': later,
};

/** What the packages of a time do with the files of a user. Keys are base64url. */
export class FileStorage {
  constructor(vault, time) {
    this.vault = vault;
    this.time = time;
  }

  /** Sends a file in blocks, and then what decrypts them. */
  async upload(user, key, { name, type, bytes }) {
    const artefacts = { iv: [], ad: 'none', at: [], range: [] };
    const main = await this.#place(user, name, type, bytes.length);
    await putBlocks(main.url, bytes, type, (block, from) => {
      const { encrypted, iv, at } = this.time.cryppo.encryptBlock(key, block);
      artefacts.iv.push(iv);
      artefacts.at.push(at);
      artefacts.range.push(`bytes=${from}-${from + block.length - 1}`);
      return encrypted;
    });
    const text = JSON.stringify({ ...artefacts, [this.time.strategyMember]: 'AES-GCM', size: bytes.length });
    const beside = await this.#place(user, `${name}.encryption_artifacts`, 'application/json', text.length);
    // They look a name's type up, and this one has none.
    await putBlocks(beside.url, Buffer.from(text), false, (block) => block);
    const blob = {
      blob_id: main.blob_id,
      blob_key: main.blob_key,
      encrypted_artifact_blob_id: beside.blob_id,
      encrypted_artifact_blob_key: beside.blob_key,
    };
    return (await user.vault('directAttachmentsPost', { body: { blob } })).attachment;
  }

  /** Sends a file in a form, as one envelope. */
  async uploadWhole(user, key, { name, type, bytes }) {
    const envelope = await this.time.cryppo.encryptBytes(key, bytes);
    return (await this.#post(user, 'attachmentsPost', [new Blob([envelope]), name, type])).attachment;
  }

  /** Adds a slot to an item that stands for a file. */
  async addSlot(user, itemId, key, attachment, label) {
    const encrypted_value = await user.seal(this.time.valueOf(key));
    const slot = { label, slot_type_name: 'attachment', encrypted_value, ...this.time.link(attachment.id) };
    const reply = await user.vault('itemsIdPut', { id: itemId, body: { item: { slots_attributes: [slot] } } });
    const made = reply.slots.filter(({ attachment_id }) => attachment_id === attachment.id);
    assert.equal(made.length, 1, 'one slot of the reply stands for the file');
  }

  async download(user, key, id) {
    const { info, main, beside } = await this.#find(user, id);
    if (!info.is_direct_upload) {
      // The last versions have no such call.
      const envelope = await user.vault('attachmentsIdDownloadGet', { id });
      return { info, bytes: await this.time.cryppo.decryptBytes(key, await envelope.text()) };
    }
    const artefacts = JSON.parse((await this.#read(beside)).toString());
    const blocks = [];
    for (const [at, range] of artefacts.range.entries()) {
      const seal = { iv: artefacts.iv[at].data, at: artefacts.at[at].data, ad: artefacts.ad };
      const block = await this.#read(main, range);
      // The packages of 2020 take the ciphertext for the file where they find no strategy.
      assert.equal(artefacts[this.time.strategyMember], 'AES-GCM');
      blocks.push(this.time.cryppo.decryptBlock(key, block, seal));
    }
    return { info, bytes: Buffer.concat(blocks) };
  }

  async addThumbnail(user, key, attachmentId, size, bytes) {
    const envelope = await this.time.cryppo.encryptBytes(key, bytes);
    return (await this.#post(user, 'thumbnailsPost', [new Blob([envelope]), attachmentId, size])).thumbnail;
  }

  /** The bytes of a thumbnail, which clients of 2020 get at once, and later ones by an address. */
  async thumbnail(user, key, id) {
    const reply = await user.vault('thumbnailsIdGet', { id });
    const envelope = reply instanceof Blob ? await reply.text() : (await this.#read(reply.redirect_url)).toString();
    return this.time.cryppo.decryptBytes(key, envelope);
  }

  async #place(user, filename, content_type, byte_size) {
    const body = { blob: { filename, content_type, byte_size } };
    return (await user.vault('directAttachmentsUploadUrlPost', { body })).attachment_direct_upload_url;
  }

  async #find(user, id) {
    if (this.vault.methods.has('directAttachmentsIdDownloadUrlGet')) {
      const info = (await user.vault('directAttachmentsIdGet', { id })).attachment;
      if (!info.is_direct_upload) return { info };
      const find = async (type) => {
        const reply = await user.vault('directAttachmentsIdDownloadUrlGet', { id, type });
        return reply.attachment_direct_download_url.url;
      };
      return { info, beside: await find('encryption_artifact_file'), main: await find('binary_file') };
    }
    const info = (await user.vault('attachmentsIdGet', { id })).attachment;
    if (!info.is_direct_upload) return { info };
    const { main, encryption_artifact } = (await user.vault('directAttachmentsIdGet', { id })).attachment;
    return { info, beside: encryption_artifact.url, main: main.url };
  }

  /** Nothing but the address permits it. */
  async #read(url, range) {
    const ranges = range === undefined ? {} : { Range: range, 'x-ms-range': range };
    const headers = { ...this.time.storageHeaders, ...ranges };
    return (await axios({ method: 'get', url, headers, responseType: 'arraybuffer' })).data;
  }

  /** Calls what takes a form, whose fields have other names in every version, in the same order. */
  #post(user, method, values) {
    const { parameters } = this.vault.methods.get(method);
    const named = values.map((value, at) => [parameters[at].name, value]);
    return user.vault(method, Object.fromEntries(named));
  }
}

async function putBlocks(url, bytes, type, encrypt) {
  const headers = { 'x-ms-version': '2011-08-18', 'x-ms-date': new Date().toUTCString() };
  const ids = [];
  for (let from = 0; from < bytes.length; from += BLOCK) {
    const id = Buffer.from(`block${String(ids.length).padStart(5)}`).toString('base64');
    ids.push(id);
    await axios({
      method: 'put',
      url: `${url}&comp=block&blockid=${id}`,
      headers: { ...headers, 'x-ms-blob-type': 'BlockBlob' },
      data: encrypt(bytes.subarray(from, from + BLOCK), from),
    });
  }
  const list = ids.map((id) => `<Latest>${id}</Latest>`).join('');
  await axios({
    method: 'put',
    url: `${url}&comp=blocklist`,
    headers: { ...headers, 'x-ms-blob-content-type': type, 'Content-Type': 'text/xml' },
    data: `<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`,
  });
}
