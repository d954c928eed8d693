/** What the cases need around what they measure: made by the floor's bare calls, always off the clock. */
import { createUser, signIn } from './floor/account.mjs';
import { importKey, openAt, openTextAt, seal } from './floor/envelope.mjs';
import { createItem } from './floor/items.mjs';
import { generatePair } from './floor/rsa.mjs';
import { read, readUnchecked, storeConnectionPair } from './floor/sharing.mjs';
import { base64url, fromBase64url, random } from './floor/text.mjs';
import { pairReady } from './key-pool.mjs';

/** As many items as one request for a list names. */
const ITEMS_PER_REPLY = 50;

/** `getRandomValues` gives no more at once. */
const MOST_RANDOM_BYTES = 65_536;

export function makeStage(scene, keyPool) {
  const once = (make) => {
    let made;
    return () => (made ??= make());
  };
  const enter = ({ secret, passphrase }) => signIn(scene.url, secret, passphrase);
  const [alice, bob, carlos] = [scene.alice, scene.bob, scene.carlos].map((user) => once(() => enter(user)));
  const stranger = once(() => createUser(scene.url, scene.alice.passphrase));
  const tenSlots = scene.ten.values.map((value, index) => ({ name: `slot_${index}`, value }));
  const keyText = base64url(random(32));
  const bytes = randomBytes(scene.bytes);
  const key = once(() => importKey(fromBase64url(keyText)));
  const replies = once(async () => fetchMany(await carlos(), scene.many.itemIds));
  const received = once(async () => {
    const { vault } = await bob();
    const replies = await fetchMany({ vault }, scene.received.itemIds);
    return { replies, shares: await Promise.all(replies.map((reply) => sharesOf(vault, reply))) };
  });

  return {
    keyPool,
    pairReady: () => pairReady(keyPool, scene.patience),
    keyText,
    bytes,
    /** Its bytes are of no matter, and its length is. */
    file: new Blob(Array.from({ length: Math.ceil(scene.fileBytes / scene.bytes) }, () => bytes)).slice(
      0,
      scene.fileBytes,
    ),
    /** The bytes as an envelope of the key. */
    envelope: once(async () => seal(await key(), bytes)),
    /** Takes a file's chunks, and says what tells it from others. */
    lengthAndEnds() {
      const seen = { length: 0, first: undefined, ends: [] };
      return {
        take(chunk) {
          seen.first ??= chunk[0];
          seen.length += chunk.length;
          seen.ends.push(chunk.at(-1));
        },
        result: () => seen,
      };
    },
    open: async (envelope) => (await openAt(await key(), envelope)).bytes,
    enter,

    /** The scene's item of ten slots, to be made again. */
    tenSlots,
    /** What is changed of it: the slot, and its new value. */
    changedSlot: [tenSlots[3].name, 'another value'],

    /** One more item of Alice's like the scene's of ten slots. */
    async newItem() {
      const { item } = await createItem(await alice(), scene.template, 'Ten', tenSlots);
      return item.id;
    },

    /** The values of an item of Alice's, whoever wrote them. */
    async readByAlice(itemId) {
      const { vault, dek } = await alice();
      const { slots } = await vault('GET', `/items/${itemId}`);
      const read = slots.map(async ({ name, encrypted_value }) => {
        const { text: value } = await openTextAt(dek, encrypted_value);
        return { name, value };
      });
      return inOrder(await Promise.all(read));
    },

    /** The values that Bob finds in a share, which the peer cannot prove to be of whoever shares them. */
    async readByBob(shareId, client) {
      const look = client === 'peer' ? readUnchecked : read;
      return inOrder(await look(await bob(), shareId));
    },

    /** The DEK of a share to Bob, encrypted: another after each refresh. */
    async dekOfBob(shareId) {
      const { vault } = await bob();
      return (await vault('GET', `/incoming_shares/${shareId}`)).share.encrypted_dek;
    },

    /** An invitation by somebody whom Alice is not connected with. */
    async invite() {
      const inviter = await stranger();
      const { public_key, ...details } = await storeConnectionPair(inviter, await generatePair(), 'open', 'Alice');
      const { invitation } = await inviter.vault('POST', '/invitations', { public_key, invitation: details });
      return invitation.token;
    },
    inviterId: async () => (await stranger()).userId,
    invitation: async (token) => (await (await bob()).vault('GET', `/invitations/${token}`)).invitation,

    /** The bytes of Carlos' item of twenty slots, gzipped and not: as it is, and with values that name no place. */
    async itemBytes() {
      const { vault, dek } = await carlos();
      const reply = await vault('GET', `/items/${scene.twenty.itemId}`);
      const slots = await Promise.all(
        reply.slots.map(async (slot) => {
          const { bytes: value } = await openAt(dek, slot.encrypted_value);
          return { ...slot, encrypted_value: await seal(dek, value) };
        }),
      );
      const [ours, bare] = await Promise.all([reply, { ...reply, slots }].map(bytesOf));
      return { ours, bare };
    },

    /** Ends a connection of Alice's, so that the next turn makes it again. */
    async disconnect(connectionId) {
      await (await alice()).vault('DELETE', `/connections/${connectionId}`);
    },

    /** Carlos' many items with their slots, from replies that were fetched before. */
    manyItems: async () => itemsOf(scene.many.itemIds, await replies()),

    /** Those that Bob received, with the shares that brought them. */
    async receivedItems() {
      const { replies, shares } = await received();
      const lists = await Promise.all(shares.map((reply) => new Response(reply).json()));
      const brought = new Map(lists.flatMap((list) => list.shares).map((share) => [share.id, share]));
      const items = await itemsOf(scene.received.itemIds, replies);
      return items.map(({ item, slots }) => ({ item, slots, share: brought.get(item.share_id) }));
    },
  };
}

async function itemsOf(ids, replies) {
  const found = new Map(ids.map((id) => [id, { item: undefined, slots: [] }]));
  for (const reply of replies) {
    const { items, slots } = await new Response(reply).json();
    for (const item of items) found.get(item.id).item = item;
    for (const slot of slots) found.get(slot.item_id).slots.push(slot);
  }
  return [...found.values()];
}

async function sharesOf(vault, reply) {
  const { items } = await new Response(reply).json();
  const ids = items.map(({ share_id }) => share_id);
  const list = await vault(
    'GET',
    `/incoming_shares?share_ids=${ids.join(',')}&per_page=${ids.length}&with_proofs=true`,
  );
  return new TextEncoder().encode(JSON.stringify(list)).buffer;
}

async function fetchMany({ vault }, ids) {
  const replies = [];
  for (let start = 0; start < ids.length; start += ITEMS_PER_REPLY) {
    const wanted = ids.slice(start, start + ITEMS_PER_REPLY);
    const reply = await vault('GET', `/items?item_ids=${wanted.join(',')}&per_page=${wanted.length}`);
    replies.push(new TextEncoder().encode(JSON.stringify(reply)).buffer);
  }
  return replies;
}

async function bytesOf(reply) {
  const text = JSON.stringify(reply);
  const compressed = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
  return { plain: text.length, gzipped: (await new Response(compressed).arrayBuffer()).byteLength };
}

/** The values, in the order of their slots' names. */
function inOrder(slots) {
  return [...slots].sort((one, other) => (one.name < other.name ? -1 : 1)).map(({ value }) => value);
}

function randomBytes(length) {
  const bytes = new Uint8Array(length);
  for (let start = 0; start < length; start += MOST_RANDOM_BYTES)
    crypto.getRandomValues(bytes.subarray(start, start + MOST_RANDOM_BYTES));
  return bytes;
}
