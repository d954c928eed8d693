/** Making an item from a template, and the person's own items, decrypted. */
import { element, field, fold, foldable, section } from '../dom.js';
import { explain } from '../errors.js';
import { showList } from '../keyed-list.js';
import { outcome, perform } from '../task.js';
import { changedNote, valueList, visibleSlots } from '../values.js';
import { attachForm, fileList } from './files.js';

export function itemsSection({ person, world, recorder, id }) {
  const form = itemForm({ person, id });
  const list = element('div', { class: 'cards', 'data-testid': `${id}-items` });
  const unreadable = element('div', {});
  const view = section(
    'Things to keep',
    'Every value is sealed with a key that never leaves this browser unwrapped.',
    { id: `${id}-things` },
    list,
    unreadable,
    form.view,
  );

  const update = () => {
    form.update();
    const ciphertextOf = (slotId) => recorder.ciphertextOf(slotId);
    showList(
      list,
      person.items,
      ({ id: itemId }) => itemId,
      (item) => versionOf(item, ciphertextOf),
      (item) =>
        element(
          'article',
          { class: 'card', 'data-testid': `${id}-item` },
          element('h4', {}, item.label, ' ', element('small', {}, item.templateLabel ?? '')),
          changedNote(item),
          valueList(item.slots, ciphertextOf, id),
          fileList(item, { person, id }),
          adoption(item, { person, id }),
          changeForm(item, { person, world, id }),
          foldable('Add a file', `${id}-open-file`, attachForm(item, { person, world, id })),
        ),
    );
    showList(
      unreadable,
      person.unreadable,
      (entry) => entry.id,
      () => '',
      ({ error }) =>
        element(
          'p',
          { class: 'error' },
          'One item cannot be read. ',
          explain(error).sentence,
          ' ',
          element('code', {}, explain(error).code),
        ),
    );
  };
  return { view, update };
}

/** Taking an item for one's own that was written elsewhere, or by who knows whom. */
function adoption(item, { person, id }) {
  if (!item.changed && item.slots.every(({ bound }) => bound)) return null;
  const button = element('button', { type: 'button', 'data-testid': `${id}-adopt` }, 'It is as it should be: adopt it');
  const shown = outcome(`${id}-adopt`);
  button.addEventListener('click', () =>
    perform(
      {
        button,
        shown,
        working: `Sealing ${item.label} as it is shown…`,
        done: () => `${item.label} is adopted, and can be shared.`,
      },
      (options) => person.adopt(item, options),
    ),
  );
  return element('div', {}, element('div', { class: 'actions' }, button), shown.view);
}

/** Changing one value of an item. */
function changeForm(item, { person, world, id }) {
  const filled = visibleSlots(item.slots).filter(({ value }) => value !== null);
  if (filled.length === 0) return null;
  const slot = element(
    'select',
    { 'data-testid': `${id}-change-slot` },
    filled.map(({ name, label }) => element('option', { value: name }, label || name)),
  );
  const value = element('input', {
    type: 'text',
    'data-testid': `${id}-change-value`,
    required: true,
    autocomplete: 'off',
  });
  const button = element('button', { type: 'submit', 'data-testid': `${id}-change` }, 'Seal the change');
  const shown = outcome(`${id}-change`);
  const form = element(
    'form',
    {},
    field('Which', slot),
    field('New value', value),
    element('div', { class: 'actions' }, button),
    shown.view,
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    await perform(
      {
        button,
        shown,
        working: 'Sealing the new value…',
        done: () =>
          `${item.label} is changed. ${person.outstanding.todo > 0 ? 'Its shares are not yet: see Updates.' : ''}`,
      },
      (options) => person.changeItem(item.id, slot.value, value.value, options),
    );
    await world.newsFrom(person).catch(() => {});
  });
  return foldable('Change a value', `${id}-open-change`, form);
}

/** Changes with everything the card shows. */
export function versionOf(item, ciphertextOf) {
  return JSON.stringify([item, item.slots.map(({ id }) => ciphertextOf(id))]);
}

function itemForm({ person, id }) {
  const template = element('select', { id: `${id}-template`, 'data-testid': `${id}-template` });
  const label = element('input', {
    type: 'text',
    id: `${id}-item-label`,
    'data-testid': `${id}-item-label`,
    required: true,
    autocomplete: 'off',
  });
  const slots = element('div', { class: 'slots' });
  const button = element(
    'button',
    { type: 'submit', class: 'primary', 'data-testid': `${id}-store` },
    'Seal and store',
  );
  const shown = outcome(`${id}-store`);
  const form = element(
    'form',
    {},
    field('Made from', template, 'A template says which fields there are.'),
    field('Label', label, 'The server can read the label. Put nothing secret in it.'),
    slots,
    element('div', { class: 'actions' }, button),
    shown.view,
  );
  const view = foldable('Keep something new', `${id}-open-item`, form);

  const chosen = () => person.templates.find(({ name }) => name === template.value);
  const showSlots = () =>
    slots.replaceChildren(
      ...visibleSlots(chosen()?.slots ?? []).map((slot) => field(slot.label || slot.name, control(slot, id))),
    );
  template.addEventListener('change', showSlots);

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const filled = [...slots.querySelectorAll('[data-slot-name]')].filter(({ value }) => value !== '');
    const values = Object.fromEntries(filled.map((input) => [input.dataset.slotName, input.value]));
    const item = await perform(
      {
        button,
        shown,
        working: `Sealing ${label.value}…`,
        done: () => `${label.value} is in the vault. The server stored ciphertext.`,
      },
      (options) => person.storeItem(template.value, label.value, values, options),
    );
    if (item) {
      label.value = '';
      showSlots();
      fold(view);
    }
  });

  let offered = '';
  const update = () => {
    const names = person.templates.map(({ name }) => name).join();
    if (names === offered) return;
    offered = names;
    template.replaceChildren(
      ...person.templates.map(({ name, label: text }) =>
        element('option', { value: name, selected: name === 'vehicle' }, text || name),
      ),
    );
    showSlots();
  };
  return { view, update };
}

const inputTypes = {
  url: 'url',
  email: 'email',
  phone_number: 'tel',
  password: 'password',
  date: 'date',
  datetime: 'datetime-local',
};

function control(slot, id) {
  const attributes = {
    id: `${id}-slot-${slot.name}`,
    'data-testid': `${id}-slot-${slot.name}`,
    'data-slot-name': slot.name,
    autocomplete: 'off',
  };
  if (slot.type === 'note_text') return element('textarea', { rows: 3, ...attributes });
  if (slot.type === 'bool')
    return element(
      'select',
      attributes,
      ['', 'true', 'false'].map((value) => element('option', { value }, { true: 'Yes', false: 'No' }[value] ?? '')),
    );
  return element('input', { type: inputTypes[slot.type] ?? 'text', ...attributes });
}
