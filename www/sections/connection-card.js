/** One connection, and the number by which two people make sure that nobody sits between them. */
import { element } from '../dom.js';
import { outcome, perform } from '../task.js';

/** Why the other's key is taken for theirs, wherever their name stands. */
export function verification({ verified }) {
  if (verified === 'compared') return 'Safety numbers compared: nobody swapped a key.';
  if (verified === 'code') return 'The key came with the invitation’s code.';
  return 'Not compared yet: that this is the other’s key, only the server says.';
}

export function connectionCard(connection, { person, world, id }) {
  const { name, nameBound, keyChanged, verified, safetyNumber, fingerprint } = connection;
  const isCompared = verified === 'compared';
  return element(
    'article',
    { class: 'card', 'data-testid': `${id}-connection` },
    element('h4', {}, name ?? 'Someone without a name'),
    !nameBound && element('p', { class: 'warning' }, 'The server could have put this name beside another connection.'),
    keyChanged &&
      element('p', { class: 'warning' }, 'The server shows another key than before. Nothing is shared with it.'),
    element('p', { class: 'hint' }, 'Safety number'),
    element('p', { class: 'safety-number', 'data-testid': `${id}-safety-number` }, safetyNumber),
    element(
      'details',
      {},
      element('summary', {}, 'Fingerprint of the other’s key'),
      element('code', { class: 'fingerprint', 'data-testid': `${id}-fingerprint` }, fingerprint),
    ),
    isCompared
      ? element('p', { class: 'match', 'data-testid': `${id}-match` }, verification(connection))
      : element(
          'p',
          { class: 'hint' },
          keyChanged ? 'Ask them whether they have a new key.' : verification(connection),
        ),
    !isCompared && comparison(connection, { person, world, id }),
  );
}

/** What is left to do before a key is taken for the other's. */
function comparison(connection, { person, world, id }) {
  const shown = outcome(`${id}-compare`);
  const otherEnd = world.otherEndOf(connection);
  const act = (text, testId, working, done, work) => {
    const button = element('button', { type: 'button', 'data-testid': `${id}-${testId}` }, text);
    button.addEventListener('click', () => perform({ button, shown, working, done: () => done }, work));
    return button;
  };
  const compare = otherEnd
    ? act(
        `Compare with ${otherEnd.person.name}’s pane`,
        'compare',
        'Comparing the two numbers…',
        'Both see the same number: the server handed each the other’s real key.',
        async (options) => {
          // Two people who read their numbers to each other both know.
          await person.markCompared(connection, otherEnd.connection.safetyNumber, options);
          await otherEnd.person.markCompared(otherEnd.connection, connection.safetyNumber, options);
        },
      )
    : act(
        'We compared: it is the same',
        'compare',
        'Noting that the number was compared…',
        'From now on no other key is accepted here.',
        (options) => person.markCompared(connection, connection.safetyNumber, options),
      );
  const trust =
    connection.keyChanged &&
    act(
      'They have a new key: accept it',
      'trust',
      'Accepting the new key…',
      'The new key is accepted. Compare safety numbers as well.',
      (options) => person.trustNewKey(connection, options),
    );
  return element('div', {}, element('div', { class: 'actions' }, trust, compare), shown.view);
}
