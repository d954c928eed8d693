/** Where a ciphertext belongs, as its additional data says, and what an item's values vouch for: docs/protocol/additional-data.md. */
import { fromBase64url, hex, joined, unpadded, utf8 } from './text.mjs';

export const fingerprint = async (spki) => hex(new Uint8Array(await crypto.subtle.digest('SHA-256', spki)));

/** @param {{ birth: string, revision: number, state: string }} written */
export const valuePlace = (kind, item, slot, { birth, revision, state }) =>
  `vs1/${kind}/${item}/${slot}/${birth}/${revision.toString(16).padStart(8, '0')}/${state}`;

/** The write that sealed a value, which has to be of this item and slot. */
export function writtenAt(place, kind, item, slot) {
  const [version, purpose, itemId, slotId, birth, revision, state] = place.split('/');
  if (version !== 'vs1' || purpose !== kind || itemId !== item || slotId !== slot) throw new Error('misplaced');
  return { birth, revision: Number.parseInt(revision, 16), state };
}

/** @param {{ id: string, name: string, label: string, type: string, revision: number }[]} slots */
export async function stateDigest(item, birth, revision, label, slots) {
  const rows = [...slots].sort((one, other) => (one.id < other.id ? -1 : 1));
  const text = joined(
    [0xff],
    utf8('vs1/state\0'),
    string(item),
    fromBase64url(birth),
    u32(revision),
    string(label),
    u32(rows.length),
    ...rows.flatMap(({ id, name, label, type, revision }) => [
      string(id),
      string(name),
      string(label),
      string(type),
      u32(revision),
    ]),
  );
  return unpadded(new Uint8Array(await crypto.subtle.digest('SHA-256', text)));
}

/** The newest of the writes, whose state has to be that of the item as it is shown. */
export async function newestOf(item, label, slots) {
  const newest = slots
    .map(({ written }) => written)
    .filter((written) => written !== undefined)
    .reduce((one, other) => (other.revision > one.revision ? other : one));
  const { birth, revision, state } = newest;
  const rows = slots.map(({ written, ...row }) => ({ ...row, revision: written?.revision ?? 0 }));
  if ((await stateDigest(item, birth, revision, label, rows)) !== state) throw new Error('changed');
  return newest;
}

export const u32 = (number) => [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255];

/** A text behind its length. */
export function string(text) {
  const bytes = utf8(text);
  return joined(u32(bytes.length), bytes);
}
