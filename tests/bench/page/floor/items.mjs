/** Creating, changing and reading own items. */
import { openTextAt, sealText } from './envelope.mjs';
import { newestOf, stateDigest, valuePlace, writtenAt } from './places.mjs';
import { random, unpadded } from './text.mjs';

/** Rows first, then the values, which name them. */
export async function createItem(session, template, label, values) {
  const { item, slots } = await session.vault('POST', '/items', {
    template_name: template,
    item: { label, slots_attributes: values.map(({ name }) => ({ name, label: name })) },
  });
  const wanted = new Map(values.map(({ name, value }) => [name, value]));
  const rows = slots.map(rowOf);
  const birth = unpadded(random(8));
  const state = await stateDigest(item.id, birth, 1, label, at(rows, 1));
  const written = { birth, revision: 1, state };
  const changed = await Promise.all(rows.map((row) => sealRow(session, item.id, row, wanted.get(row.name), written)));
  return put(session, item, changed);
}

/** Another value for the slot of this name. */
export async function updateItem(session, itemId, name, value) {
  const { item, rows, newest } = await getItem(session, itemId);
  const revision = newest.revision + 1;
  const after = rows.map((row) => ({ ...row, revision: row.name === name ? revision : row.written.revision }));
  const state = await stateDigest(itemId, newest.birth, revision, item.label, after);
  const row = rows.find((one) => one.name === name);
  const changed = await put(session, item, [
    await sealRow(session, itemId, row, value, { birth: newest.birth, revision, state }),
  ]);
  await session.vault('GET', '/client_task_queue?state=todo,in_progress');
  return changed;
}

/** An own item whose values are of this item and as they were written. */
export async function getItem(session, itemId) {
  const { item, slots } = await session.vault('GET', `/items/${itemId}`);
  return { item, ...(await openItem(session.dek, item, slots)) };
}

export async function openItem(dek, { id, label }, slots) {
  const rows = await Promise.all(slots.map((slot) => openRow(dek, id, slot)));
  return { rows, newest: await newestOf(id, label, rows) };
}

async function openRow(dek, itemId, slot) {
  const row = rowOf(slot);
  if (slot.encrypted_value === null) return { ...row, value: null };
  const { text, place } = await openTextAt(dek, slot.encrypted_value);
  return { ...row, value: text, written: writtenAt(place, 'own', itemId, slot.id) };
}

async function sealRow({ dek }, itemId, { id }, value, written) {
  return { id, encrypted_value: await sealText(dek, value, valuePlace('own', itemId, id, written)) };
}

async function put({ vault }, { id, updated_at }, slots_attributes) {
  const { item, slots } = await vault('PUT', `/items/${id}`, {
    item: { unchanged_since: updated_at, slots_attributes },
  });
  return { item, slots };
}

const rowOf = ({ id, name, label, slot_type_name: type }) => ({ id, name, label, type });
const at = (rows, revision) => rows.map((row) => ({ ...row, revision }));
