/** One person's side of the page: the parts in the order in which the guide needs them. */
import { element } from './dom.js';
import { relight } from './highlight.js';
import { accountSection } from './sections/account.js';
import { connectSection } from './sections/connect.js';
import { itemsSection } from './sections/items.js';
import { receivedSection } from './sections/received.js';
import { shareSection } from './sections/share.js';
import { updatesSection } from './sections/updates.js';

export function userPane(person, world, recorder) {
  const id = person.name.toLowerCase();
  const context = { person, world, recorder, id };
  const account = accountSection(context);
  const signedIn = [
    itemsSection(context),
    connectSection(context),
    shareSection(context),
    updatesSection(context),
    receivedSection(context),
  ];
  const pane = element(
    'section',
    { class: 'pane user', id, 'data-person': id, 'aria-labelledby': `${id}-name` },
    element(
      'h2',
      { id: `${id}-name` },
      element('span', { class: 'initial', 'aria-hidden': 'true' }, person.name[0]),
      person.name,
    ),
    account.view,
    signedIn.map(({ view }) => view),
  );

  let wasSignedIn = false;
  const update = () => {
    // Whatever was typed goes with the session: secret, passphrase and values must not stay in the page.
    if (wasSignedIn && !person.session) for (const form of pane.querySelectorAll('form')) form.reset();
    wasSignedIn = Boolean(person.session);
    account.update();
    for (const { view, update: updatePart } of signedIn) {
      view.hidden = !person.session;
      updatePart();
    }
    relight();
  };
  // Also on news about the others: a safety number can be compared once both ends are known.
  world.addEventListener('change', update);
  recorder.addEventListener('change', () => requestAnimationFrame(update));
  update();
  return pane;
}
