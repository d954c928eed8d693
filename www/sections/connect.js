/** Inviting, accepting, and the list of those one is connected with. */
import { announce } from '../announce.js';
import { copyButton, element, field, fold, foldable, section } from '../dom.js';
import { showList } from '../keyed-list.js';
import { qrCode } from '../pkg/index.js';
import { outcome, perform, showError } from '../task.js';
import { connectionCard } from './connection-card.js';
import { inbox } from './inbox.js';

export function connectSection({ person, world, id }) {
  const invite = inviteForm({ person, world, id });
  const accept = acceptForm({ person, world, id });
  const messages = inbox({ person, world, id }, accept.follow);
  const list = element('div', { class: 'cards', 'data-testid': `${id}-connections` });
  const view = section(
    'People',
    'Two people connect by one of them handing the other a token. Each connection gets a key pair of its own.',
    { id: `${id}-people` },
    list,
    messages.view,
    invite.view,
    accept.view,
  );

  const update = () => {
    invite.update();
    accept.update();
    messages.update();
    showList(
      list,
      person.connections,
      (connection) => connection.id,
      (connection) => JSON.stringify([connection, world.otherEndOf(connection)?.connection.safetyNumber]),
      (connection) => connectionCard(connection, { person, world, id }),
    );
  };
  return { view, update };
}

function inviteForm({ person, world, id }) {
  const [first] = world.othersOf(person);
  const name = element('input', {
    type: 'text',
    id: `${id}-invite-name`,
    'data-testid': `${id}-invite-name`,
    required: true,
    autocomplete: 'off',
    value: first?.name,
  });
  const email = element('input', {
    type: 'email',
    id: `${id}-invite-email`,
    'data-testid': `${id}-invite-email`,
    autocomplete: 'off',
    value: first?.address,
  });
  name.addEventListener('input', () => {
    email.value = world.named(name.value)?.address ?? '';
  });
  const button = element('button', { type: 'submit', 'data-testid': `${id}-invite` }, 'Invite');
  const shown = outcome(`${id}-invite`);
  const token = element('code', { class: 'secret', 'data-testid': `${id}-token` });
  const qr = qrOf(() => person.invitation?.code);
  const handOver = element('div', { class: 'actions' });
  const tokenBox = element(
    'div',
    { class: 'secret-box', hidden: true },
    element('p', { class: 'secret-title' }, 'Token to hand over'),
    token,
    copyButton(() => token.textContent, { 'aria-label': 'Copy the token' }),
    qr.view,
    handOver,
    element(
      'p',
      { class: 'hint' },
      'Whoever has the token can accept the invitation, once. Send it the way you would send anything private.',
    ),
  );

  const form = element(
    'form',
    {},
    field('Name of the other', name, 'For your own list. The server gets it encrypted.'),
    field('E-mail address (optional)', email, 'Where the Vault sends the token. It has to be able to read this.'),
    element('div', { class: 'actions' }, button),
    shown.view,
    tokenBox,
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const invitation = await perform(
      {
        button,
        shown,
        working: `Making the key pair for ${name.value}…`,
        done: () =>
          `The invitation stands. ${email.value ? `${name.value} gets it by e-mail, or from` : `Hand the token to ${name.value}, from`} you.`,
      },
      (options) => person.invite(name.value, email.value.trim(), options),
    );
    if (invitation?.email) await world.deliver(person, invitation).catch((error) => showError(shown.error, error));
  });

  const view = foldable('Invite someone', `${id}-open-invite`, form);
  const isConnected = (called) => person.connections.some((connection) => connection.name === called);
  const update = () => {
    if (!person.invitation && !tokenBox.hidden) fold(view); // Accepted: the token is used up.
    if (isConnected(name.value)) {
      const next = world.othersOf(person).find((other) => !isConnected(other.name));
      name.value = next?.name ?? '';
      email.value = next?.address ?? '';
    }
    tokenBox.hidden = !person.invitation;
    if (token.textContent === (person.invitation?.token ?? '')) return;
    token.textContent = person.invitation?.token ?? '';
    qr.update();
    handOver.replaceChildren(
      ...world.othersOf(person).map((other) =>
        element(
          'button',
          {
            type: 'button',
            'data-testid': `${id}-hand-over-${other.name.toLowerCase()}`,
            on: { click: () => world.handOver(token.textContent, person, other) },
          },
          `Hand it to ${other.name}`,
        ),
      ),
    );
  };
  return { view, update };
}

/** For the camera of somebody who stands beside: the link with the code. There is none to a token, which the server knows. */
function qrOf(code) {
  const picture = element('img', { class: 'qr-code', alt: 'The link of the invitation as a QR code' });
  const view = element('details', { hidden: true }, element('summary', {}, 'As a QR code'), picture);
  view.addEventListener('toggle', async () => {
    if (!view.open) return;
    const svg = await qrCode(`${location.href.split('#')[0]}#vs1=${code()}`);
    picture.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  });
  const update = () => {
    view.hidden = !code();
    view.open = false;
    picture.removeAttribute('src');
  };
  return { view, update };
}

function acceptForm({ person, world, id }) {
  const token = element('input', {
    type: 'text',
    id: `${id}-accept-token`,
    'data-testid': `${id}-accept-token`,
    required: true,
    autocomplete: 'off',
    spellcheck: 'false',
    autocapitalize: 'off',
  });
  const name = element('input', {
    type: 'text',
    id: `${id}-accept-name`,
    'data-testid': `${id}-accept-name`,
    required: true,
    autocomplete: 'off',
  });
  const button = element(
    'button',
    { type: 'submit', class: 'primary', 'data-testid': `${id}-accept` },
    'Accept the invitation',
  );
  const shown = outcome(`${id}-accept`);
  const form = element(
    'form',
    {},
    field('Token', token, 'Or the link from the e-mail.'),
    field('Name of the one who invited', name, 'Whom you know it to be from: anyone can write an e-mail.'),
    element('div', { class: 'actions' }, button),
    shown.view,
  );
  const view = foldable('Accept an invitation', `${id}-open-accept`, form);

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const connection = await perform(
      {
        button,
        shown,
        working: `Making ${person.name}’s key pair for ${name.value}…`,
        done: () => `${person.name} and ${name.value} are connected.`,
      },
      (options) => person.acceptInvitation(token.value.trim(), name.value, options),
    );
    if (!connection) return;
    form.reset();
    world.followed = null;
    fold(view);
    await world.newsFrom(person).catch(() => {});
  });
  // A message can be from anybody, so following its link accepts nothing yet.
  const follow = (link) => {
    token.value = link;
    name.value = '';
    view.open = true;
    name.focus();
    announce('Say whom this invitation is from, then accept it.');
  };

  world.addEventListener('hand-over', ({ detail }) => {
    if (detail.to !== person) return;
    if (!person.session) {
      announce(`${person.name} is not signed in yet: create ${person.name} first, then hand the token over.`, 'failed');
      return;
    }
    token.value = detail.token;
    name.value = detail.from.name;
    view.open = true;
    button.focus();
    announce(`${person.name} has the token from ${detail.from.name} and can accept.`);
  });
  // Whoever opened the link of a message in a new page finds it here, and says as whom to accept it.
  const update = () => {
    if (!world.followed || token.value) return;
    token.value = world.followed;
    view.open = true;
  };
  return { view, update, follow };
}
