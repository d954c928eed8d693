/**
 * Decrypted values, each with what the server holds in its place directly underneath: the one thing this page is
 * there to show.
 */
import { element } from './dom.js';
import { bringIntoView, lightsUp } from './highlight.js';

/** Boilerplate of the templates that is no value a person would type. */
const hiddenTypes = new Set(['image', 'classification_node', 'attachment']);

export function visibleSlots(slots) {
  return slots.filter(({ type }) => !hiddenTypes.has(type));
}

/** @param {(slotId: string) => string | null} ciphertextOf */
export function valueList(slots, ciphertextOf, testPrefix) {
  const filled = visibleSlots(slots).filter(({ value }) => value !== null && value !== '');
  if (filled.length === 0) return element('p', { class: 'hint' }, 'All its fields are empty.');
  return element(
    'dl',
    { class: 'values' },
    filled.map((slot) => valueRow(slot, ciphertextOf(slot.id), testPrefix)),
  );
}

/** Said of an item that is not as its values say that it was written; null of any other. */
export function changedNote({ changed }) {
  if (!changed) return null;
  const text =
    'Label or fields are not as they were when its values were written: another program wrote it, or the server changed it.';
  return element('p', { class: 'warning' }, text);
}

function valueRow(slot, ciphertext, testPrefix) {
  const row = element(
    'div',
    { class: 'value', 'data-slot': slot.id },
    element('dt', {}, slot.label || slot.name),
    element('dd', { class: 'plaintext', 'data-testid': `${testPrefix}-value-${slot.name}` }, slot.value),
    !slot.bound &&
      element('dd', { class: 'warning' }, 'It does not say where it belongs: the server could have put it here.'),
  );
  if (ciphertext) {
    const description = `Show what the server holds for ${slot.label || slot.name}`;
    row.append(
      element(
        'dd',
        { class: 'sealed' },
        element(
          'button',
          {
            type: 'button',
            class: 'ciphertext',
            'aria-label': description,
            title: description,
            'data-testid': `${testPrefix}-ciphertext-${slot.name}`,
            on: { click: () => bringIntoView(slot.id) },
          },
          ciphertext,
        ),
      ),
    );
  }
  lightsUp(row, slot.id);
  return row;
}
