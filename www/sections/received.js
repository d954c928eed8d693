/** What others share with this person: terms first where there are any, then the values, decrypted here. */
import { element, section } from '../dom.js';
import { showList } from '../keyed-list.js';
import { outcome, perform, showError } from '../task.js';
import { changedNote, valueList } from '../values.js';
import { fileList } from './files.js';
import { versionOf } from './items.js';

export function receivedSection({ person, world, recorder, id }) {
  const list = element('div', { class: 'cards', 'data-testid': `${id}-incoming` });
  const nothing = element('p', { class: 'hint' }, 'Nothing yet.');
  const look = element('button', { type: 'button', class: 'quiet', 'data-testid': `${id}-look` }, 'Look for news');
  const shown = outcome(`${id}-look`);
  look.addEventListener('click', () =>
    perform(
      {
        button: look,
        shown,
        working: `Asking the server for ${person.name}’s news…`,
        done: () => `${person.name} is up to date.`,
      },
      (options) => person.refresh(options),
    ),
  );
  const view = section(
    'Received',
    null,
    { id: `${id}-received` },
    nothing,
    list,
    element('div', { class: 'actions' }, look),
    shown.view,
  );

  const update = () => {
    nothing.hidden = person.incoming.length > 0;
    const ciphertextOf = (slotId) => recorder.ciphertextOf(slotId);
    showList(
      list,
      person.incoming,
      (share) => share.id,
      (share) =>
        JSON.stringify([
          share.acceptance,
          person.received.has(share.id) && versionOf(person.received.get(share.id), ciphertextOf),
        ]),
      (share) => receivedCard(share, { person, world, id, ciphertextOf }),
    );
  };
  return { view, update };
}

function receivedCard(share, { person, world, id, ciphertextOf }) {
  const from =
    person.connections.find(
      (connection) => connection.id === share.connectionId || connection.userId === share.senderId,
    )?.name ??
    world.byUserId(share.senderId)?.name ??
    'someone';
  const item = person.received.get(share.id);
  const shown = outcome(`${id}-received`);
  const actions = element('div', { class: 'actions' });
  const act = (text, attributes, working, done, work) => {
    const button = element('button', { type: 'button', ...attributes }, text);
    button.addEventListener('click', () => perform({ button, shown, working, done }, work));
    actions.append(button);
  };

  if (share.acceptance === 'acceptance_required') {
    act(
      'Accept the terms',
      { class: 'primary', 'data-testid': `${id}-accept-terms` },
      'Accepting the terms…',
      () => `${person.name} accepted the terms and can read now.`,
      async (options) => {
        await person.acceptTerms(share.id, options);
        await world.newsFrom(person).catch(() => {});
      },
    );
  } else if (!item) {
    act(
      'Read',
      { class: 'primary', 'data-testid': `${id}-read` },
      `Opening what ${from} shared…`,
      (read) => `${person.name} reads ${read.label}.`,
      (options) => person.read(share.id, options),
    );
  }
  act(
    'Delete',
    { class: 'quiet', 'data-testid': `${id}-delete-share` },
    'Deleting the share…',
    () => `${person.name} no longer has what ${from} shared.`,
    async (options) => {
      await person.deleteShare(share.id, options);
      await world.newsFrom(person).catch((error) => showError(shown.error, error));
    },
  );

  return element(
    'article',
    { class: 'card', 'data-testid': `${id}-received-share` },
    element('h4', {}, item ? item.label : 'Something sealed', ' ', element('small', {}, `from ${from}`)),
    share.terms && element('blockquote', { 'data-testid': `${id}-terms` }, share.terms),
    item && changedNote(item),
    item && senderNote(item, person, id),
    item
      ? valueList(item.slots, ciphertextOf, `${id}-received`)
      : element('p', { class: 'hint' }, 'Not opened yet. The key for it is sealed for this person.'),
    item && fileList(item, { person, id: `${id}-received` }),
    actions,
    shown.view,
  );
}

/** Who shared it, as far as they signed it, and whose it is. */
function senderNote({ sender, senderFingerprint, senderKeypairId, owner, provenBefore }, person, id) {
  const words = { 'data-testid': `${id}-received-sender` };
  if (sender !== 'proven') {
    const before = provenBefore ? ' They proved it before.' : '';
    const text = `Nothing proves who shared this: the name is the server’s word.${before}`;
    return element('p', { class: 'warning', ...words }, text);
  }
  const isTheirs = ({ fingerprint, keypairId }) => fingerprint === senderFingerprint && keypairId === senderKeypairId;
  const name = person.connections.find(isTheirs)?.name ?? 'Somebody';
  const whose = {
    proven: 'and wrote these values.',
    vouched: 'and says whose signature the values have.',
    unproven: 'and alone stands for these values.',
  };
  return element('p', { class: 'hint', ...words }, `${name} signed that they shared this, ${whose[owner]}`);
}
