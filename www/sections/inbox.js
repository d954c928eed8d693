/** The messages that the Vault sent to a person's address. Only a demo has them on the page; elsewhere they are mail. */
import { element } from '../dom.js';
import { showList } from '../keyed-list.js';

/** @param accept takes the link of a message, as following it would */
export function inbox({ person, world, id }, accept) {
  const list = element('div', { class: 'cards', 'data-testid': `${id}-inbox` });
  const update = () => {
    const mails = world.mails.filter(({ to }) => to === person.address);
    showList(
      list,
      mails,
      (mail) => mail.invitationId,
      () => '',
      (mail) => messageCard(mail, { id, accept }),
    );
  };
  return { view: list, update };
}

function messageCard({ message, failed }, { id, accept }) {
  if (!message) {
    const what = failed ? 'A message could not be delivered.' : 'A message is on its way by e-mail.';
    return element('article', { class: 'card' }, element('p', { class: 'hint' }, what));
  }
  const { from, subject, text, link } = message;
  const follow = link && element('a', { href: link, 'data-testid': `${id}-mail-link` }, 'Accept the invitation');
  follow?.addEventListener('click', (event) => {
    event.preventDefault();
    accept(link);
  });
  return element(
    'article',
    { class: 'card mail', 'data-testid': `${id}-mail` },
    element('h4', {}, subject),
    element('p', { class: 'hint' }, `E-mail from ${from}`),
    element('pre', {}, text),
    follow && element('p', {}, follow),
  );
}
