/** Who shared an item and whose values these are: docs/protocol/additional-data.md, "Proofs of shares". */
import { openTextAt } from './envelope.mjs';
import { string, u32 } from './places.mjs';
import { checkSignature, fingerprintOf, importSigner, importVerifier, sign } from './rsa.mjs';
import { fromBase64url, fromHex, joined, random, utf8 } from './text.mjs';

const OWN = 1;
const NO_TERMS = 0;

/** What a verification key begins with that commits to its text, and the bytes that make it another each time. */
const MARKER = utf8('vs-text1');
const NONCE_END = MARKER.length + 24;

/** The pair that signs the user's values, fetched once per session. */
export function authorOf(session) {
  session.author ??= fetchAuthor(session);
  return session.author;
}

async function fetchAuthor({ keystore, kek }) {
  const { keypair } = await keystore('GET', '/keypairs/external_id/vaultshare-author');
  const [{ text, place }, fingerprint] = await Promise.all([
    openTextAt(kek, keypair.encrypted_serialized_key),
    fingerprintOf(keypair.public_key),
  ]);
  if (place !== `vs1/author/${fingerprint}`) throw new Error('misplaced');
  return { pem: keypair.public_key, fingerprint, signer: await importSigner(text) };
}

/** The word of the sender, who owns the item, for one recipient. */
export async function prove({ pem, signer }, author, item, birth, recipient) {
  const at = Date.now();
  const signature = await sign(signer, certificate({ item, birth, recipient, author: author.fingerprint, at }));
  return JSON.stringify({ kind: 'own', at, sender: pem, author: author.pem, signature });
}

/** The author's word, for all who get these values. */
export async function signContent({ fingerprint, signer }, item, written, slots) {
  return JSON.stringify({ by: fingerprint, signature: await sign(signer, content(item, written, slots)) });
}

/** Checks both, of a share by the owner whose key is the only one that the recipient's own pair accepts. */
export async function checkProof(session, { fingerprint, rule }, share, item, written, slots) {
  const { at, sender, author, signature } = JSON.parse(share.proof);
  const { by, signature: ofContent } = JSON.parse(share.content_signature);
  const [isSender, isAuthor, verifier, ofAuthor] = await Promise.all([
    once(session.fingerprints, fingerprintOf, sender),
    once(session.fingerprints, fingerprintOf, author),
    once(session.verifiers, importVerifier, sender),
    once(session.verifiers, importVerifier, author),
  ]);
  if (rule !== `to.${isSender}` || by !== isAuthor) throw new Error('somebody else’s proof');
  const proven = { item: item.original_id, birth: written.birth, recipient: fingerprint, author: by, at };
  const hashes = slots.map(({ original_id, ...slot }) => ({ ...slot, slot_id: original_id }));
  await Promise.all([
    checkSignature(verifier, signature, certificate(proven)),
    checkSignature(ofAuthor, ofContent, content(item.original_id, written, hashes)),
  ]);
}

/** A verification key that fits this text in this slot alone. */
export async function committedKey(slot, value) {
  const key = joined(MARKER, random(NONCE_END - MARKER.length));
  return joined(key, await commitment(key, slot, value));
}

export async function checkCommitment(key, slot, value) {
  const expected = await commitment(key, slot, value);
  if (!expected.every((byte, index) => key[NONCE_END + index] === byte)) throw new Error('another text');
}

async function commitment(key, slot, value) {
  const text = joined([0xff], utf8('vs1/value\0'), key.subarray(MARKER.length, NONCE_END), string(slot), value);
  return new Uint8Array(await crypto.subtle.digest('SHA-256', text));
}

function certificate({ item, birth, recipient, author, at }) {
  const keys = joined(fromHex(recipient), fromHex(author));
  const time = joined(u32(Math.floor(at / 2 ** 32)), u32(at % 2 ** 32));
  const of = joined(string(item), fromBase64url(birth), string(''));
  return joined([0xff], utf8('vs1/share\0'), [OWN], of, keys, [NO_TERMS], time);
}

function content(item, { birth, revision, state }, slots) {
  const filled = slots.filter(({ value_verification_hash: hash }) => hash !== null);
  filled.sort((one, other) => (one.slot_id < other.slot_id ? -1 : 1));
  return joined(
    [0xff],
    utf8('vs1/content\0'),
    [1],
    string(item),
    fromBase64url(birth),
    u32(revision),
    string(''),
    fromBase64url(state),
    u32(filled.length),
    ...filled.flatMap(({ slot_id, value_verification_hash }) => [string(slot_id), string(value_verification_hash)]),
  );
}

/** What comes of a key's text, which is the same in each of somebody's shares. */
function once(made, make, pem) {
  if (!made.has(pem)) made.set(pem, make(pem));
  return made.get(pem);
}
