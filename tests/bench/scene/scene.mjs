/**
 * The people, items and shares that the cases work with, made with our own package in Node:
 *
 * - Alice has an item of ten slots, and shares it with Bob.
 * - Carlos has many items of eight short slots, which he shares with Bob, and one of twenty that is shared with many: Bob
 *   and others.
 */
import { installKeyPool } from '../page/key-pool.mjs';
import { inParallel } from './in-parallel.mjs';
import { makeKeyPairs } from './key-pairs.mjs';

const PASSPHRASE = 'correct horse battery staple';

/** A template without slots of its own, so that an item has exactly the slots that a case speaks of. */
const TEMPLATE = 'bench';

/** Requests that are under way at once. The server and this process share the machine's cores. */
const AT_ONCE = 8;

/**
 * @param {{ url: string, packageEntry: string, sizes: import('../sizes.mjs').Sizes, note: (text: string) => void }} options
 * @returns what the page has to know
 */
export async function makeScene({ url, packageEntry, sizes, note }) {
  const pagePairs = sizes.keyPairs;
  // For each recipient: one to sign in with, and one on either side of the connection. Some more for the three.
  const keyPairs = await makeKeyPairs(sizes.recipients * 3 + 20 + pagePairs);
  note(`${keyPairs.length} key pairs`);
  installKeyPool(keyPairs.splice(pagePairs));

  const vaultshare = await import(packageEntry);
  await vaultshare.default();
  const client = new vaultshare.VaultClient({
    vaultUrl: `${url}/vault`,
    keystoreUrl: `${url}/keystore`,
    prepareKeyPairs: false,
  });
  const register = () => client.createUser(PASSPHRASE);

  const [alice, bob, carlos] = await inParallel(AT_ONCE, [register, register, register]);
  const connection = await connect(alice, bob);
  const ten = await makeItem(alice, 'Ten', 10);
  const share = await alice.shares.create({ itemId: ten.item.id, connectionId: connection.id });

  const many = await inParallel(
    AT_ONCE,
    Array.from({ length: sizes.items }, (_, index) => () => makeItem(carlos, `Item ${index}`, 8)),
  );
  note(`${many.length} items`);

  const withBob = await connect(carlos, bob);
  await inParallel(
    AT_ONCE,
    many.slice(0, sizes.received).map(
      ({ item }) =>
        () =>
          carlos.shares.create({ itemId: item.id, connectionId: withBob.id }),
    ),
  );
  const received = await bob.items.list({ own: false }, { all: true });
  const receivedIdOf = new Map(received.entries.map(({ id, originalId }) => [originalId, id]));
  note(`${sizes.received} received items`);

  const refreshed = await makeItem(carlos, 'Twenty', 20);
  const recipients = [bob, ...(await inParallel(AT_ONCE, Array(sizes.recipients - 1).fill(register)))];
  note(`${recipients.length} recipients`);
  const shares = await inParallel(
    AT_ONCE,
    recipients.map((recipient) => async () => {
      const { id } = recipient === bob ? withBob : await connect(carlos, recipient);
      return carlos.shares.create({ itemId: refreshed.item.id, connectionId: id });
    }),
  );
  note(`${shares.length} shares`);

  const account = ({ secret, userId }) => ({ secret, passphrase: PASSPHRASE, userId });
  return {
    url,
    keyPairs,
    alice: account(alice),
    bob: account(bob),
    carlos: account(carlos),
    connectionId: connection.id,
    ten: { itemId: ten.item.id, shareId: share.id, values: ten.values },
    many: { itemIds: many.map(({ item }) => item.id), values: many.map(({ values }) => values) },
    received: { itemIds: many.slice(0, sizes.received).map(({ item }) => receivedIdOf.get(item.id)) },
    twenty: {
      itemId: refreshed.item.id,
      shareIdOfBob: shares[0].id,
      lastDek: shares[0].encryptedDek,
      recipients: recipients.length,
      values: refreshed.values,
    },
    template: TEMPLATE,
    bytes: sizes.bytes,
    fileBytes: sizes.fileBytes,
    patience: sizes.patience,
  };
}

/** Gives the inviter's side of the connection. */
async function connect(inviter, invited) {
  const { token } = await inviter.invitations.create({ name: 'a friend' });
  const { otherConnectionId } = await invited.connections.accept(token, { name: 'another friend' });
  return { id: otherConnectionId };
}

/** An item of so many slots, and its values in the order of their slots' names. */
async function makeItem(session, label, slotCount) {
  await templateOf(session);
  const values = Array.from({ length: slotCount }, (_, index) => `Value ${index} of ${label}`);
  const slots = values.map((value, index) => ({ name: slotName(index), label: slotName(index), value }));
  return { item: await session.items.create({ template: TEMPLATE, label, slots }), values };
}

/** Slots that sort by name as by number. */
function slotName(index) {
  return `slot_${String(index).padStart(2, '0')}`;
}

const templates = new WeakMap();

/** A template belongs to its user, so each makes it once. */
function templateOf(session) {
  if (!templates.has(session)) templates.set(session, session.templates.create({ name: TEMPLATE, label: 'Bench' }));
  return templates.get(session);
}
