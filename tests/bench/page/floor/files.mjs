/** Files of items: chunks by `crypto.subtle`, blocks by `fetch`, four at a time. */
import { importKey } from './envelope.mjs';
import { updateItem } from './items.mjs';
import { base64url, joined, random } from './text.mjs';

const CHUNK = 1024 * 1024;
const TAG_LENGTH = 16;
const AT_ONCE = 4;

/** Uploads a file, and writes its key into a slot that is there. */
export async function attach(session, itemId, slotName, file) {
  const { vault } = session;
  const bytes = random(32);
  const key = await importKey(bytes);
  const count = Math.max(Math.ceil(file.size / CHUNK), 1);
  const uploadOf = async (filename, byte_size) => {
    const blob = { filename, content_type: 'application/octet-stream', byte_size };
    return (await vault('POST', '/direct/attachments/upload_url', { blob })).attachment_direct_upload_url;
  };
  const main = await uploadOf('a file', file.size);
  const prefix = random(5);
  const seals = Array.from({ length: count });
  await inTurns(count, async (index) => {
    const chunk = await file.slice(index * CHUNK, (index + 1) * CHUNK).arrayBuffer();
    const number = index * 2 + Number(index === count - 1);
    const iv = joined([0x76, 0x73, 0x31, 0x66], prefix, [number >> 16, (number >> 8) & 255, number & 255]);
    const sealed = new Uint8Array(await crypto.subtle.encrypt(parameters(iv), key, chunk));
    const end = sealed.length - TAG_LENGTH;
    seals[index] = { iv, tag: sealed.slice(end), id: joined(iv, sealed.subarray(end)).toBase64() };
    const place = `${main.url}&comp=block&blockid=${encodeURIComponent(seals[index].id)}`;
    await put(place, sealed.subarray(0, end));
  });
  await commit(
    main.url,
    seals.map(({ id }) => id),
  );
  const ranges = seals.map((_, index) => `bytes=${index * CHUNK}-${Math.min(file.size, (index + 1) * CHUNK) - 1}`);
  const artifacts = new TextEncoder().encode(
    JSON.stringify({
      iv: seals.map(({ iv }) => ({ type: 'Buffer', data: [...iv] })),
      ad: 'none',
      at: seals.map(({ tag }) => ({ type: 'Buffer', data: [...tag] })),
      range: ranges,
      encryption_strategy: 'AES-GCM',
      size: file.size,
    }),
  );
  const beside = await uploadOf('a file.encryption_artifacts', artifacts.length);
  const blockIds = ['YmxvY2sgICAgMA=='];
  await put(`${beside.url}&comp=block&blockid=${encodeURIComponent(blockIds[0])}`, artifacts);
  await commit(beside.url, blockIds);
  const { attachment } = await vault('POST', '/direct/attachments', {
    blob: {
      blob_id: main.blob_id,
      blob_key: main.blob_key,
      encrypted_artifact_blob_id: beside.blob_id,
      encrypted_artifact_blob_key: beside.blob_key,
    },
  });
  await updateItem(session, itemId, slotName, base64url(bytes));
  return { id: attachment.id, key };
}

/** Reads a file in order, and gives its chunks away. */
export async function readFile({ vault }, { id, key }, take) {
  const { attachment } = await vault('GET', `/direct/attachments/${id}`);
  const artifacts = await (await fetch(attachment.encryption_artifact.url, { cache: 'no-store' })).json();
  const reading = [];
  const read = async (index) => {
    const range = artifacts.range[index];
    const reply = await fetch(attachment.main.url, { headers: { range }, cache: 'no-store' });
    const sealed = joined(new Uint8Array(await reply.arrayBuffer()), artifacts.at[index].data);
    return crypto.subtle.decrypt(parameters(new Uint8Array(artifacts.iv[index].data)), key, sealed);
  };
  for (let next = 0; next < artifacts.range.length || reading.length > 0; ) {
    while (reading.length < AT_ONCE && next < artifacts.range.length) {
      reading.push(read(next));
      next += 1;
    }
    take(new Uint8Array(await reading.shift()));
  }
}

const parameters = (iv) => ({ name: 'AES-GCM', iv, additionalData: new TextEncoder().encode('none') });

async function inTurns(count, work) {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function put(url, body) {
  const reply = await fetch(url, { method: 'PUT', body, cache: 'no-store' });
  if (!reply.ok) throw new Error(`PUT of a block: ${reply.status}`);
}

function commit(url, ids) {
  const list = ids.map((id) => `<Latest>${id}</Latest>`).join('');
  return put(`${url}&comp=blocklist`, `<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`);
}
