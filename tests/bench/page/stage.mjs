/** What the cases need around what they measure: made by the floor's bare calls, always off the clock. */
import { createUser, signIn } from './floor/account.mjs';
import { importKey, open, seal, sealText } from './floor/envelope.mjs';
import { generatePair } from './floor/rsa.mjs';
import { read, storeConnectionPair } from './floor/sharing.mjs';
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
  const keyText = base64url(random(32));
  const bytes = randomBytes(scene.bytes);
  const key = once(() => importKey(fromBase64url(keyText)));
  const replies = once(async () => fetchMany(await carlos(), scene.many.itemIds));

  return {
    keyPool,
    pairReady: () => pairReady(keyPool, scene.patience),
    keyText,
    bytes,
    /** The bytes as an envelope of the key. */
    envelope: once(async () => seal(await key(), bytes)),
    open: async (envelope) => open(await key(), envelope),
    enter,

    /** One more item of Alice's, with the values of the scene's item of ten slots. */
    async newItem() {
      const { vault, dek } = await alice();
      const slots_attributes = await Promise.all(
        scene.ten.values.map(async (value, index) => ({
          name: `slot_${index}`,
          label: `slot_${index}`,
          encrypted_value: await sealText(dek, value),
        })),
      );
      const { item } = await vault('POST', '/items', {
        template_name: scene.template,
        item: { label: 'Ten', slots_attributes },
      });
      return item.id;
    },

    /** The values that Bob finds in a share. */
    async readByBob(shareId) {
      const slots = await read(await bob(), shareId);
      return slots.sort((one, other) => (one.name < other.name ? -1 : 1)).map(({ value }) => value);
    },

    /** The DEK of a share to Bob, encrypted: another after each refresh. */
    async dekOfBob(shareId) {
      const { vault } = await bob();
      return (await vault('GET', `/incoming_shares/${shareId}`)).share.encrypted_dek;
    },

    /** An invitation by somebody whom Alice is not connected with. */
    async invite() {
      const inviter = await stranger();
      const public_key = await storeConnectionPair(inviter, generatePair());
      const encrypted_recipient_name = await sealText(inviter.dek, 'Alice');
      const { invitation } = await inviter.vault('POST', '/invitations', {
        public_key,
        invitation: { encrypted_recipient_name },
      });
      return invitation.token;
    },
    inviterId: async () => (await stranger()).userId,
    invitation: async (token) => (await (await bob()).vault('GET', `/invitations/${token}`)).invitation,

    /** Ends a connection of Alice's, so that the next turn makes it again. */
    async disconnect(connectionId) {
      await (await alice()).vault('DELETE', `/connections/${connectionId}`);
    },

    /** The slots of Carlos' many items, from replies that were fetched before. */
    async manyItems() {
      const items = new Map(scene.many.itemIds.map((id) => [id, []]));
      for (const reply of await replies()) {
        const { slots } = await new Response(reply).json();
        for (const slot of slots) items.get(slot.item_id).push(slot);
      }
      return [...items.values()];
    },
  };
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

function randomBytes(length) {
  const bytes = new Uint8Array(length);
  for (let start = 0; start < length; start += MOST_RANDOM_BYTES)
    crypto.getRandomValues(bytes.subarray(start, start + MOST_RANDOM_BYTES));
  return bytes;
}
