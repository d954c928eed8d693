/** Sharing an item, reading one that was shared, and bringing shares up to date. */
import { importKey, openAt, openTextAt, seal, sealText } from './envelope.mjs';
import { getItem } from './items.mjs';
import { newestOf, stateDigest, valuePlace, writtenAt } from './places.mjs';
import { fingerprintOf, importPrivate, importPublic, openKey, sealKey } from './rsa.mjs';
import { fromHex, fromUtf8, hex, random, utf8 } from './text.mjs';

const HMAC = { name: 'HMAC', hash: 'SHA-256' };

/** Makes the connection known, as a client that has listed its connections knows it. */
export async function learnConnection(session, connectionId) {
  const { connection } = await session.vault('GET', `/connections/${connectionId}`);
  const other = connection.the_other_user;
  const [key, to] = await Promise.all([importPublic(other.user_public_key), fingerprintOf(other.user_public_key)]);
  session.recipients.set(connectionId, { other, key, to });
}

export async function share(session, itemId, connectionId) {
  const { other, key, to } = session.recipients.get(connectionId);
  const dekBytes = random(32);
  const [own, dek, encrypted_dek] = await Promise.all([
    getItem(session, itemId),
    importKey(dekBytes),
    sealKey(key, dekBytes),
  ]);
  const grant = { to, scope: null, on: false, until: null, at: Date.now(), author: null };
  const grantPlace = `vs1/grant/${itemId}/${own.newest.birth}`;
  const created = await session.vault('POST', `/items/${itemId}/shares`, {
    shares: [
      {
        recipient_id: other.user_id,
        public_key: other.user_public_key,
        keypair_external_id: other.user_keypair_external_id,
        encrypted_dek,
        slot_values: await sealSlots(own, dek),
        grant: await sealText(session.dek, JSON.stringify(grant), grantPlace),
      },
    ],
  });
  return created.shares[0];
}

/** The values of a share's item, proven to be their owner's. */
export async function read(session, shareId) {
  const {
    share: { keypair_external_id, encrypted_dek },
    item,
    slots,
  } = await session.vault('GET', `/incoming_shares/${shareId}/item`);
  const dek = await shareKey(session, keypair_external_id, encrypted_dek);
  const rows = await Promise.all(slots.map((slot) => openReceived(dek, item, slot)));
  await newestOf(item.original_id, item.label, rows);
  return rows.map(({ name, value }) => ({ name, value }));
}

/** The values of a share, whoever's client encrypted them. */
export async function readUnchecked(session, shareId) {
  const { share, slots } = await session.vault('GET', `/incoming_shares/${shareId}/item`);
  const dek = await shareKey(session, share.keypair_external_id, share.encrypted_dek);
  const read = slots.map(async ({ name, encrypted_value }) => {
    const { text: value } = await openTextAt(dek, encrypted_value);
    return { name, value };
  });
  return Promise.all(read);
}

/** Re-encrypts an item for everyone whom a grant names, which all are of the whole item here. */
export async function refresh(session, itemId) {
  const dekBytes = random(32);
  const [own, { shares }, dek] = await Promise.all([
    getItem(session, itemId),
    session.vault('GET', `/items/${itemId}/shares`),
    importKey(dekBytes),
  ]);
  const grantPlace = `vs1/grant/${itemId}/${own.newest.birth}`;
  const [values, share_deks] = await Promise.all([
    sealSlots(own, dek),
    Promise.all(
      shares.map(async ({ id, public_key, grant }) => {
        const [key, granted, is] = await Promise.all([
          importPublic(public_key),
          openTextAt(session.dek, grant),
          fingerprintOf(public_key),
        ]);
        if (granted.place !== grantPlace || JSON.parse(granted.text).to !== is) throw new Error('not granted');
        return { share_id: id, dek: await sealKey(key, dekBytes) };
      }),
    ),
  ]);
  const slot_values = shares.flatMap(({ id }) => values.map((value) => ({ ...value, share_id: id })));
  const updated = await session.vault('PUT', `/items/${itemId}/shares`, { share_deks, slot_values, client_tasks: [] });
  return updated.shares.length;
}

/** The key that an invitation is from, before the own pair is made. */
export async function inviterOf({ vault }, invitation_token) {
  const { invitation } = await vault('POST', '/invitations/lookup', { invitation_token });
  return fingerprintOf(invitation.sender_public_key);
}

/** A pair for a connection, stored; what the Vault has to know of it, and what the user calls the other side. */
export async function storeConnectionPair(session, pair, rule, name) {
  const { publicPem, privatePem, fingerprint } = pair;
  const store = async () => {
    const encrypted_serialized_key = await sealText(session.kek, privatePem, `vs1/pair/${fingerprint}/${rule}`);
    const request = { public_key: publicPem, encrypted_serialized_key, metadata: {}, external_identifiers: [] };
    return session.keystore('POST', '/keypairs', request);
  };
  const [{ keypair }, encrypted_recipient_name] = await Promise.all([
    store(),
    sealText(session.dek, name, `vs1/name/${fingerprint}`),
  ]);
  return { public_key: { keypair_external_id: keypair.id, public_key: publicPem }, encrypted_recipient_name };
}

async function sealSlots({ item, rows, newest: { birth, revision } }, dek) {
  const shared = rows.map((row) => ({ ...row, revision: row.value === null ? 0 : revision }));
  const state = await stateDigest(item.id, birth, revision, item.label, shared);
  return Promise.all(
    rows
      .filter(({ value }) => value !== null)
      .map(async ({ id, value }) => {
        const place = (kind) => valuePlace(kind, item.id, id, { birth, revision, state });
        const bytes = utf8(value);
        const proofBytes = random(64);
        const proof = async () => {
          const key = await crypto.subtle.importKey('raw', proofBytes, HMAC, false, ['sign']);
          return hex(new Uint8Array(await crypto.subtle.sign(HMAC, key, bytes)));
        };
        const [sealed, sealedProof, hash] = await Promise.all([
          seal(dek, bytes, place('shared')),
          seal(dek, proofBytes, place('proof')),
          proof(),
        ]);
        return {
          slot_id: id,
          encrypted_value: sealed,
          encrypted_value_verification_key: sealedProof,
          value_verification_hash: hash,
        };
      }),
  );
}

async function openReceived(dek, item, slot) {
  const row = { id: slot.original_id, name: slot.name, label: slot.label, type: slot.slot_type_name };
  if (slot.encrypted_value === null) return { ...row, value: null };
  const [value, key] = await Promise.all([
    openAt(dek, slot.encrypted_value),
    openAt(dek, slot.encrypted_value_verification_key).then(async ({ bytes, place }) => {
      writtenAt(place, 'proof', item.original_id, slot.original_id);
      return crypto.subtle.importKey('raw', bytes, HMAC, false, ['verify']);
    }),
  ]);
  if (!(await crypto.subtle.verify(HMAC, key, fromHex(slot.value_verification_hash), value.bytes)))
    throw new Error('not its owner’s value');
  const written = writtenAt(value.place, 'shared', item.original_id, slot.original_id);
  return { ...row, value: fromUtf8(value.bytes), written };
}

/** Key pairs and DEKs are unwrapped once. */
async function shareKey(session, keypairId, encryptedDek) {
  if (!session.keyPairs.has(keypairId)) {
    const { keypair } = await session.keystore('GET', `/keypairs/${keypairId}`);
    const { text, place } = await openTextAt(session.kek, keypair.encrypted_serialized_key);
    const own = await fingerprintOf(keypair.public_key);
    if (!place.startsWith(`vs1/pair/${own}/`)) throw new Error('misplaced');
    session.keyPairs.set(keypairId, await importPrivate(text));
  }
  if (!session.shareKeys.has(encryptedDek)) {
    session.shareKeys.set(encryptedDek, await importKey(await openKey(session.keyPairs.get(keypairId), encryptedDek)));
  }
  return session.shareKeys.get(encryptedDek);
}
