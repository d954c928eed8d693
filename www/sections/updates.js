/** What a change leaves to do: only the owner's browser can seal the new values for those who have the item. */
import { element, section } from '../dom.js';
import { outcome, perform } from '../task.js';

export function updatesSection({ person, world, id }) {
  const waiting = element('p', { class: 'hint', 'data-testid': `${id}-tasks` });
  const run = element(
    'button',
    { type: 'button', class: 'primary', 'data-testid': `${id}-run-tasks` },
    'Bring the shares up to date',
  );
  const shown = outcome(`${id}-run-tasks`);
  const view = section(
    'Updates',
    null,
    { id: `${id}-updates` },
    waiting,
    element('div', { class: 'actions' }, run),
    shown.view,
  );

  run.addEventListener('click', async () => {
    const completed = await perform(
      {
        button: run,
        shown,
        working: 'Sealing the new values for everyone who has the item…',
        done: () => 'Everyone who has the item sees the new values.',
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
        ? 'Everyone sees the latest.'
        : `${todo} ${todo === 1 ? 'task waits' : 'tasks wait'}: those who have the item still see the old values, because the server cannot seal the new ones.`;
  };
  return { view, update };
}
