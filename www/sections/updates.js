/** What a change leaves to do: only the owner's browser can seal the new values for those who have the item. */
import { element, section } from '../dom.js';
import { showList } from '../keyed-list.js';
import { outcome, perform } from '../task.js';
import { verification } from './connection-card.js';

export function updatesSection({ person, world, id }) {
  const waiting = element('p', { class: 'hint', 'data-testid': `${id}-tasks` });
  const run = element(
    'button',
    { type: 'button', class: 'primary', 'data-testid': `${id}-run-tasks` },
    'Bring the shares up to date',
  );
  const shown = outcome(`${id}-run-tasks`);
  const leftOut = element('div', { class: 'cards', 'data-testid': `${id}-left-out` });
  const view = section(
    'Updates',
    null,
    { id: `${id}-updates` },
    waiting,
    element('div', { class: 'actions' }, run),
    shown.view,
    leftOut,
  );

  run.addEventListener('click', async () => {
    const completed = await perform(
      {
        button: run,
        shown,
        working: 'Sealing the new values for everyone who has the item…',
        done: () =>
          person.leftOut.length === 0
            ? 'Everyone who has the item sees the new values.'
            : 'Those whom you let have the item see the new values. Others were left out: see Updates.',
      },
      (options) => person.runTasks(options),
    );
    if (completed === undefined) return;
    world.markDone('run');
    await world.newsFrom(person).catch(() => {});
  });

  const update = () => {
    const { todo } = person.outstanding;
    run.hidden = todo === 0;
    waiting.textContent =
      todo === 0
        ? 'Nothing waits.'
        : `${todo} ${todo === 1 ? 'task waits' : 'tasks wait'}: those who have the item still see the old values, because the server cannot seal the new ones.`;
    showList(
      leftOut,
      person.leftOut,
      ({ shareId }) => shareId,
      (entry) => JSON.stringify(entry),
      (entry) => leftOutCard(entry, { person, world, id }),
    );
  };
  return { view, update };
}

const reasons = {
  'no grant': 'You have not noted that the item is for them: another program shared it, or the server made this up.',
  'key changed': 'The server lists another key for them than the one that the item was shared with.',
  expired: 'Their time is over.',
  'not permitted': 'Somebody shared it on to them who may not.',
  revoked: 'You took it back.',
};

/** One who got nothing of the new values, and the way to let them in. */
function leftOutCard(entry, { person, world, id }) {
  const { itemId, slotId, fingerprint, onSharing, why } = entry;
  const item = person.items.find((own) => own.id === itemId);
  const part = item?.slots.find((slot) => slot.id === slotId)?.label;
  const what = `${part ? `${part} of ` : ''}${item?.label ?? 'An item'}`;
  // By the key, and not by what the server says of it.
  const other = person.connections.find((connection) => connection.fingerprint === fingerprint);
  const name = other?.name ?? 'somebody whom you are not connected with';
  const button = element(
    'button',
    { type: 'button', 'data-testid': `${id}-let-in` },
    onSharing ? 'Let them have it, and share it on' : 'Let them have it',
  );
  const shown = outcome(`${id}-let-in`);
  button.addEventListener('click', async () => {
    await perform(
      {
        button,
        shown,
        working: `Sealing ${what} for ${name}…`,
        done: () => `From now on ${name} gets what changes.`,
      },
      (options) => person.letIn(entry, options),
    );
    await world.newsFrom(person).catch(() => {});
  });
  return element(
    'article',
    { class: 'card', 'data-testid': `${id}-left-out-share` },
    element('h4', {}, `${what} was not updated for ${name}`),
    element('p', { class: 'warning' }, reasons[why]),
    other && element('p', { class: 'hint' }, verification(other)),
    fingerprint && element('code', { class: 'fingerprint' }, fingerprint),
    fingerprint && why !== 'expired' && element('div', { class: 'actions' }, button),
    shown.view,
  );
}
