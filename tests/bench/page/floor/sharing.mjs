/** Sharing an item, reading one that was shared, and bringing shares up to date. */
import { importKey, openAt, openTextAt, seal, sealText } from './envelope.mjs';
import { getItem } from './items.mjs';
import { newestOf, stateDigest, valuePlace, writtenAt } from './places.mjs';
import { authorOf, checkCommitment, checkProof, committedKey, prove, signContent } from './proofs.mjs';
import { fingerprintOf, importPrivate, importPublic, importSigner, openKey, sealKey } from './rsa.mjs';
import { fromHex, fromUtf8, hex, random, utf8 } from './text.mjs';

const HMAC = { name: 'HMAC', hash: 'SHA-256' };

/** Makes the connection known, as a client that has listed its connections knows it. */
export async function learnConnection(session, connectionId) {
  const { connection } = await session.vault('GET', `/connections/${connectionId}`);
  const { own, the_other_user: other } = connection;
  const [key, to, { pem, text }] = await Promise.all([
    importPublic(other.user_public_key),
    fingerprintOf(other.user_public_key),
    fetchPair(session, own.user_keypair_external_id),
  ]);
  session.recipients.set(connectionId, { other, key, to, sender: { pem, signer: await importSigner(text) } });
}

export async function share(session, itemId, connectionId) {
  const { other, key, to, sender } = session.recipients.get(connectionId);
  const dekBytes = random(32);
  const [own, author, dek, encrypted_dek] = await Promise.all([
    getItem(session, itemId),
    authorOf(session),
    importKey(dekBytes),
    sealKey(key, dekBytes),
  ]);
  const { birth } = own.newest;
  const grant = { to, scope: null, on: false, until: null, at: Date.now(), author: author.fingerprint };
  const [sealedGrant, proof, { slot_values, content_signature }] = await Promise.all([
    sealText(session.dek, JSON.stringify(grant), `vs1/grant/${itemId}/${birth}`),
    prove(sender, author, itemId, birth, to),
    sealSigned(own, dek, author),
  ]);
  const created = await session.vault('POST', `/items/${itemId}/shares`, {
    shares: [
      {
        recipient_id: other.user_id,
        public_key: other.user_public_key,
        keypair_external_id: other.user_keypair_external_id,
        encrypted_dek,
        slot_values,
        grant: sealedGrant,
        proof,
        content_signature,
      },
    ],
  });
  return created.shares[0];
}

/** The values of a share's item, proven to be their owner's, who shared it. */
export async function read(session, shareId) {
  const { share, item, slots } = await session.vault('GET', `/incoming_shares/${shareId}/item`);
  return openShared(session, share, item, slots);
}

export async function openShared(session, share, item, slots) {
  const { pair, dek } = await keysOf(session, share);
  const rows = await Promise.all(slots.map((slot) => openReceived(dek, item, slot)));
  const written = await newestOf(item.original_id, item.label, rows);
  await checkProof(session, pair, share, item, written, slots);
  return rows.map(({ name, value }) => ({ name, value }));
}

/** The values of a share, whoever's client encrypted them. */
export async function readUnchecked(session, shareId) {
  const { share, slots } = await session.vault('GET', `/incoming_shares/${shareId}/item`);
  const { dek } = await keysOf(session, share);
  const read = slots.map(async ({ name, encrypted_value }) => {
    const { text: value } = await openTextAt(dek, encrypted_value);
    return { name, value };
  });
  return Promise.all(read);
}

/** Re-encrypts an item for everyone whom a grant names, which all are of the whole item here. */
export async function refresh(session, itemId) {
  const dekBytes = random(32);
  const [own, author, { shares }, dek] = await Promise.all([
    getItem(session, itemId),
    authorOf(session),
    session.vault('GET', `/items/${itemId}/shares`),
    importKey(dekBytes),
  ]);
  const grantPlace = `vs1/grant/${itemId}/${own.newest.birth}`;
  const [{ slot_values: values, content_signature }, deks] = await Promise.all([
    sealSigned(own, dek, author),
    Promise.all(
      shares.map(async ({ id, public_key, grant }) => {
        const [key, granted, is] = await Promise.all([
          importPublic(public_key),
          openTextAt(session.dek, grant),
          fingerprintOf(public_key),
        ]);
        const { to, author: by } = JSON.parse(granted.text);
        if (granted.place !== grantPlace || to !== is) throw new Error('not granted');
        return { share_id: id, dek: await sealKey(key, dekBytes), by };
      }),
    ),
  ]);
  const share_deks = deks.map(({ by, ...share }) =>
    by === author.fingerprint ? { ...share, content_signature } : share,
  );
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

/** An item's values under a DEK of their own, and their author's signature. */
async function sealSigned({ item, rows, newest: { birth, revision } }, dek, author) {
  const shared = rows.map((row) => ({ ...row, revision: row.value === null ? 0 : revision }));
  const state = await stateDigest(item.id, birth, revision, item.label, shared);
  const written = { birth, revision, state };
  const filled = rows.filter(({ value }) => value !== null);
  const slot_values = await Promise.all(filled.map((row) => sealSlot(item.id, row, dek, written)));
  return { slot_values, content_signature: await signContent(author, item.id, written, slot_values) };
}

async function sealSlot(itemId, { id, value }, dek, written) {
  const place = (kind) => valuePlace(kind, itemId, id, written);
  const bytes = utf8(value);
  const proof = async () => {
    const proofBytes = await committedKey(id, bytes);
    const key = await crypto.subtle.importKey('raw', proofBytes, HMAC, false, ['sign']);
    return Promise.all([seal(dek, proofBytes, place('proof')), crypto.subtle.sign(HMAC, key, bytes)]);
  };
  const [sealed, [sealedProof, hash]] = await Promise.all([seal(dek, bytes, place('shared')), proof()]);
  return {
    slot_id: id,
    encrypted_value: sealed,
    encrypted_value_verification_key: sealedProof,
    value_verification_hash: hex(new Uint8Array(hash)),
  };
}

async function openReceived(dek, item, slot) {
  const row = { id: slot.original_id, name: slot.name, label: slot.label, type: slot.slot_type_name };
  if (slot.encrypted_value === null) return { ...row, value: null };
  const [value, { bytes, place }] = await Promise.all([
    openAt(dek, slot.encrypted_value),
    openAt(dek, slot.encrypted_value_verification_key),
  ]);
  writtenAt(place, 'proof', item.original_id, slot.original_id);
  const [key] = await Promise.all([
    crypto.subtle.importKey('raw', bytes, HMAC, false, ['verify']),
    checkCommitment(bytes, slot.original_id, value.bytes),
  ]);
  if (!(await crypto.subtle.verify(HMAC, key, fromHex(slot.value_verification_hash), value.bytes)))
    throw new Error('not its owner’s value');
  const written = writtenAt(value.place, 'shared', item.original_id, slot.original_id);
  return { ...row, value: fromUtf8(value.bytes), written };
}

/** A share's DEK, and the own key pair that it is encrypted for. Both are unwrapped once. */
async function keysOf(session, { keypair_external_id: keypairId, encrypted_dek: encryptedDek }) {
  if (!session.keyPairs.has(keypairId)) session.keyPairs.set(keypairId, openPair(session, keypairId));
  const pair = await session.keyPairs.get(keypairId);
  if (!session.shareKeys.has(encryptedDek)) {
    session.shareKeys.set(encryptedDek, openKey(pair.privateKey, encryptedDek).then(importKey));
  }
  return { pair, dek: await session.shareKeys.get(encryptedDek) };
}

async function openPair(session, keypairId) {
  const { text, fingerprint, rule } = await fetchPair(session, keypairId);
  return { privateKey: await importPrivate(text), fingerprint, rule };
}

/** A key pair of one of the user's connections, and what its additional data says of the key at the other end. */
async function fetchPair({ keystore, kek }, keypairId) {
  const { keypair } = await keystore('GET', `/keypairs/${keypairId}`);
  const [{ text, place }, fingerprint] = await Promise.all([
    openTextAt(kek, keypair.encrypted_serialized_key),
    fingerprintOf(keypair.public_key),
  ]);
  const [version, purpose, own, rule] = place.split('/');
  if (version !== 'vs1' || purpose !== 'pair' || own !== fingerprint) throw new Error('misplaced');
  return { text, pem: keypair.public_key, fingerprint, rule };
}
