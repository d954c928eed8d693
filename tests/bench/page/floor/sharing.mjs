/** Sharing an item, reading one that was shared, and bringing shares up to date. */
import { importKey, open, openText, seal, sealText } from './envelope.mjs';
import { generatePair, importPrivate, importPublic, openKey, sealKey } from './rsa.mjs';
import { fromHex, hex, random, utf8 } from './text.mjs';

const HMAC = { name: 'HMAC', hash: 'SHA-256' };

/** Makes the connection known, as a client that has listed its connections knows it. */
export async function learnConnection(session, connectionId) {
  const { connection } = await session.vault('GET', `/connections/${connectionId}`);
  const other = connection.the_other_user;
  session.recipients.set(connectionId, { other, key: await importPublic(other.user_public_key) });
}

export async function share(session, itemId, connectionId) {
  const { other, key } = session.recipients.get(connectionId);
  const dekBytes = random(32);
  const [{ slots }, dek, encrypted_dek] = await Promise.all([
    session.vault('GET', `/items/${itemId}`),
    importKey(dekBytes),
    sealKey(key, dekBytes),
  ]);
  const created = await session.vault('POST', `/items/${itemId}/shares`, {
    shares: [
      {
        recipient_id: other.user_id,
        public_key: other.user_public_key,
        keypair_external_id: other.user_keypair_external_id,
        encrypted_dek,
        slot_values: await sealSlots(session, slots, dek),
      },
    ],
  });
  return created.shares[0];
}

/** The values of a share's item, proven to be their owner's. */
export async function read(session, shareId) {
  const {
    share: { keypair_external_id, encrypted_dek },
    slots,
  } = await session.vault('GET', `/incoming_shares/${shareId}/item`);
  const dek = await shareKey(session, keypair_external_id, encrypted_dek);
  const values = await Promise.all(slots.map((slot) => openReceived(dek, slot)));
  return slots.map(({ name }, index) => ({ name, value: values[index] }));
}

/** Re-encrypts an item for everyone it is shared with. */
export async function refresh(session, itemId) {
  const dekBytes = random(32);
  const [{ slots }, { shares }, dek] = await Promise.all([
    session.vault('GET', `/items/${itemId}`),
    session.vault('GET', `/items/${itemId}/shares`),
    importKey(dekBytes),
  ]);
  const [values, share_deks] = await Promise.all([
    sealSlots(session, slots, dek),
    Promise.all(
      shares.map(async ({ id, public_key }) => ({
        share_id: id,
        dek: await sealKey(await importPublic(public_key), dekBytes),
      })),
    ),
  ]);
  const slot_values = shares.flatMap(({ id }) => values.map((value) => ({ ...value, share_id: id })));
  const updated = await session.vault('PUT', `/items/${itemId}/shares`, { share_deks, slot_values, client_tasks: [] });
  return updated.shares.length;
}

/** A pair for a connection, stored; and what the Vault has to know of it. */
export async function storeConnectionPair(session, pair = generatePair()) {
  const { publicPem, privatePem } = await pair;
  const encrypted_serialized_key = await sealText(session.kek, privatePem);
  const request = { public_key: publicPem, encrypted_serialized_key, metadata: {}, external_identifiers: [] };
  const { keypair } = await session.keystore('POST', '/keypairs', request);
  return { keypair_external_id: keypair.id, public_key: publicPem };
}

function sealSlots(session, slots, dek) {
  return Promise.all(
    slots
      .filter(({ encrypted_value }) => encrypted_value !== null)
      .map(async ({ id, encrypted_value }) => {
        const value = await open(session.dek, encrypted_value);
        const proofBytes = random(64);
        const proof = async () => {
          const key = await crypto.subtle.importKey('raw', proofBytes, HMAC, false, ['sign']);
          return hex(new Uint8Array(await crypto.subtle.sign(HMAC, key, value)));
        };
        const [sealed, sealedProof, hash] = await Promise.all([seal(dek, value), seal(dek, proofBytes), proof()]);
        return {
          slot_id: id,
          encrypted_value: sealed,
          encrypted_value_verification_key: sealedProof,
          value_verification_hash: hash,
        };
      }),
  );
}

async function openReceived(dek, slot) {
  if (slot.encrypted_value === null) return null;
  const [value, key] = await Promise.all([
    openText(dek, slot.encrypted_value),
    open(dek, slot.encrypted_value_verification_key).then((bytes) =>
      crypto.subtle.importKey('raw', bytes, HMAC, false, ['verify']),
    ),
  ]);
  if (!(await crypto.subtle.verify(HMAC, key, fromHex(slot.value_verification_hash), utf8(value))))
    throw new Error('not its owner’s value');
  return value;
}

/** Key pairs and DEKs are unwrapped once. */
async function shareKey(session, keypairId, encryptedDek) {
  if (!session.keyPairs.has(keypairId)) {
    const { keypair } = await session.keystore('GET', `/keypairs/${keypairId}`);
    session.keyPairs.set(keypairId, await openText(session.kek, keypair.encrypted_serialized_key).then(importPrivate));
  }
  if (!session.shareKeys.has(encryptedDek)) {
    session.shareKeys.set(encryptedDek, await importKey(await openKey(session.keyPairs.get(keypairId), encryptedDek)));
  }
  return session.shareKeys.get(encryptedDek);
}
