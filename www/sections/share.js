/** Sharing one of the person's items with someone they are connected with, and stopping. */
import { element, field, fold, foldable, section } from '../dom.js';
import { showList } from '../keyed-list.js';
import { outcome, perform } from '../task.js';
import { verification } from './connection-card.js';

export function shareSection({ person, world, id }) {
  const item = element('select', { id: `${id}-share-item`, 'data-testid': `${id}-share-item` });
  const connection = element('select', { id: `${id}-share-connection`, 'data-testid': `${id}-share-connection` });
  const terms = element('textarea', { rows: 2, id: `${id}-share-terms`, 'data-testid': `${id}-share-terms` });
  const whose = element('p', { class: 'hint', 'data-testid': `${id}-share-verification` });
  const onSharing = element('input', {
    type: 'checkbox',
    id: `${id}-share-on-sharing`,
    'data-testid': `${id}-share-on-sharing`,
  });
  const onSharingField = field(
    'May be shared on',
    onSharing,
    'Lets the other pass it on, once. Nobody who passes it on can alter a value unnoticed.',
  );
  const button = element('button', { type: 'submit', class: 'primary', 'data-testid': `${id}-share` }, 'Share');
  const shown = outcome(`${id}-share`);
  const form = element(
    'form',
    {},
    field('Item', item),
    field('With', connection),
    whose,
    field(
      'Terms (optional)',
      terms,
      'With terms, nothing can be read before they are accepted. The server can read the terms.',
    ),
    onSharingField,
    element('div', { class: 'actions' }, button),
    shown.view,
  );
  const part = foldable('Share something', `${id}-open-share`, form);
  const notYet = element('p', { class: 'hint' }, 'This needs an item and a connection first.');
  const list = element('div', { class: 'cards', 'data-testid': `${id}-outgoing` });
  const view = section(
    'Share',
    'The item is sealed anew with a key made for this share alone, and that key is sealed for the other person only.',
    { id: `${id}-share-part` },
    list,
    notYet,
    part,
  );

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const label = item.selectedOptions[0]?.textContent;
    const share = await perform(
      {
        button,
        shown,
        working: `Sealing ${label} for ${connection.selectedOptions[0]?.textContent}…`,
        done: () => `${label} is shared. Only ${connection.selectedOptions[0]?.textContent} can open it.`,
      },
      (options) =>
        person.share(
          person.shareable.find(({ id: itemId }) => itemId === item.value),
          connection.value,
          { terms: terms.value.trim(), onSharing: onSharing.checked },
          options,
        ),
    );
    if (!share) return;
    terms.value = '';
    onSharing.checked = false;
    fold(part);
    await world.newsFrom(person).catch(() => {});
  });

  const isOwn = () => person.items.some(({ id: itemId }) => itemId === item.value);
  const showForItem = () => {
    onSharingField.hidden = !isOwn(); // Only the owner decides whether it is passed on.
    if (onSharingField.hidden) onSharing.checked = false;
  };
  item.addEventListener('change', showForItem);
  const showForConnection = () => {
    const chosen = person.connections.find(({ ref }) => ref === connection.value);
    whose.textContent = chosen ? verification(chosen) : '';
  };
  connection.addEventListener('change', showForConnection);

  const update = () => {
    const ready = person.shareable.length > 0 && person.connections.length > 0;
    part.hidden = !ready;
    notYet.hidden = ready;
    offer(
      item,
      person.shareable.map(({ id: value, label }) => [value, label]),
    );
    offer(
      connection,
      person.connections.map(({ ref, name }) => [ref, name ?? 'Someone without a name']),
    );
    showForItem();
    showForConnection();
    showList(
      list,
      person.outgoing,
      (share) => share.id,
      (share) => `${share.acceptance} ${share.granted}`,
      (share) => shareCard(share, { person, world, id }),
    );
  };
  return { view, update };
}

function offer(select, options) {
  const wanted = JSON.stringify(options);
  if (select.dataset.options === wanted) return;
  const before = select.value;
  select.dataset.options = wanted;
  select.replaceChildren(
    ...options.map(([value, text]) => element('option', { value, selected: value === before }, text)),
  );
}

const acceptanceInWords = {
  acceptance_required: 'waiting for the terms to be accepted',
  acceptance_not_required: 'readable at once',
  accepted: 'terms accepted',
  rejected: 'terms rejected',
};

function shareCard(share, { person, world, id }) {
  const label = person.shareable.find((item) => [item.id, item.originalId].includes(share.itemId))?.label ?? 'An item';
  const other = person.connections.find(
    (connection) => connection.id === share.connectionId || connection.userId === share.recipientId,
  );
  const name = other?.name ?? world.byUserId(share.recipientId)?.name ?? 'someone';
  const button = element(
    'button',
    { type: 'button', class: 'quiet', 'data-testid': `${id}-stop-sharing` },
    'Stop sharing',
  );
  const shown = outcome(`${id}-stop-sharing`);
  button.addEventListener('click', async () => {
    await perform(
      {
        button,
        shown,
        working: 'Deleting the share…',
        done: () => `${name} can no longer fetch ${label}. What ${name} has already read cannot be unread.`,
      },
      (options) => person.deleteShare(share.id, options),
    );
    await world.newsFrom(person).catch(() => {});
  });
  return element(
    'article',
    { class: 'card' },
    element('h4', {}, `${label} → ${name}`),
    element('p', { class: 'hint' }, acceptanceInWords[share.acceptance] ?? share.acceptance),
    share.granted === false && element('p', { class: 'warning' }, 'No change of the item will reach them.'),
    share.terms && element('blockquote', {}, share.terms),
    element('div', { class: 'actions' }, button),
    shown.view,
  );
}
