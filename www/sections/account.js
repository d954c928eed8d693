/** Making the user, signing out, and coming back with secret and passphrase. */
import { copyButton, element, field, section } from '../dom.js';
import { outcome, perform } from '../task.js';

export function accountSection({ person, id }) {
  const secret = element('code', { class: 'secret', 'data-testid': `${id}-secret` });
  const secretBox = element(
    'details',
    { class: 'secret-box', hidden: true },
    element('summary', { class: 'secret-title' }, `${person.name}’s secret`),
    secret,
    copyButton(() => secret.textContent, { 'aria-label': `Copy ${person.name}’s secret` }),
    element(
      'p',
      { class: 'hint' },
      'Keep it, for example in a password manager. Secret and passphrase together are the only way back in: neither is ever sent to the server, so nobody can reset them.',
    ),
  );
  const showSecret = (text) => {
    secret.textContent = text;
    secretBox.hidden = !text;
  };

  // Shown open to someone who meets it for the first time; whoever just typed it need not see it again.
  const create = createForm({
    person,
    id,
    showSecret: (text) => {
      showSecret(text);
      secretBox.open = true;
    },
  });
  const signIn = signInForm({ person, id });
  const signOut = signOutPart({ person, id });
  const returning = element(
    'details',
    { class: 'returning', 'data-testid': `${id}-returning` },
    element('summary', {}, `${person.name} already has a secret`),
    signIn,
  );

  const view = section('Who this is', null, { id: `${id}-account` }, create, secretBox, returning, signOut);
  let wasSignedIn = false;
  const update = () => {
    const signedIn = Boolean(person.session);
    if (signedIn) showSecret(person.secret);
    if (wasSignedIn && !signedIn) {
      // Someone who just signed out wants the way back in, not a second user.
      returning.open = true;
      showSecret('');
      secretBox.open = false;
    }
    create.hidden = signedIn || returning.open;
    returning.hidden = signedIn;
    signOut.hidden = !signedIn;
    wasSignedIn = signedIn;
  };
  returning.addEventListener('toggle', update);
  return { view, update };
}

function createForm({ person, id, showSecret }) {
  const passphrase = element('input', {
    type: 'password',
    id: `${id}-passphrase`,
    'data-testid': `${id}-passphrase`,
    autocomplete: 'new-password',
    required: true,
  });
  const button = element(
    'button',
    { type: 'submit', class: 'primary', 'data-testid': `${id}-create` },
    `Create ${person.name}`,
  );
  const shown = outcome(`${id}-create`);
  const form = element(
    'form',
    {},
    field(
      'Passphrase',
      passphrase,
      'Something only this person knows. The keys are made here, in the browser; that takes a few seconds.',
    ),
    element('div', { class: 'actions' }, button),
    shown.view,
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    await perform(
      {
        button,
        shown,
        working: `Making ${person.name}’s keys…`,
        done: () => `${person.name} exists. Keep the secret: it is the only way back in.`,
      },
      (options) => person.create(passphrase.value, showSecret, options),
    );
    if (person.session) passphrase.value = '';
  });
  return form;
}

function signInForm({ person, id }) {
  const secret = element('input', {
    type: 'text',
    id: `${id}-sign-in-secret`,
    'data-testid': `${id}-sign-in-secret`,
    autocomplete: 'off',
    spellcheck: 'false',
    autocapitalize: 'off',
    required: true,
  });
  const passphrase = element('input', {
    type: 'password',
    id: `${id}-sign-in-passphrase`,
    'data-testid': `${id}-sign-in-passphrase`,
    autocomplete: 'current-password',
    required: true,
  });
  const button = element(
    'button',
    { type: 'submit', class: 'primary', 'data-testid': `${id}-sign-in` },
    `Sign ${person.name} in`,
  );
  const shown = outcome(`${id}-sign-in`);
  const form = element(
    'form',
    {},
    field('Secret', secret),
    field('Passphrase', passphrase, 'The server checks it without ever seeing it.'),
    element('div', { class: 'actions' }, button),
    shown.view,
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    await perform(
      {
        button,
        shown,
        working: `Signing ${person.name} in…`,
        done: () => `${person.name} is signed in; the keys are unwrapped in this page’s memory.`,
      },
      (options) => person.signIn(secret.value.trim(), passphrase.value, options),
    );
    if (person.session) form.reset();
  });
  return form;
}

function signOutPart({ person, id }) {
  const button = element(
    'button',
    { type: 'button', class: 'quiet', 'data-testid': `${id}-sign-out` },
    `Sign ${person.name} out`,
  );
  const keep = element(
    'button',
    { type: 'button', class: 'quiet', 'data-testid': `${id}-keep` },
    `Keep ${person.name} signed in`,
  );
  const shown = outcome(`${id}-sign-out`);
  keep.addEventListener('click', () =>
    perform(
      {
        button: keep,
        shown,
        working: `Keeping ${person.name}’s keys in this browser, encrypted…`,
        done: (until) =>
          `Until ${new Date(until).toLocaleString()} this browser needs no passphrase for ${person.name}. Signing out ends that.`,
      },
      (options) => person.keepSignedIn(options),
    ),
  );
  button.addEventListener('click', async () => {
    await perform(
      {
        button,
        shown,
        working: `Signing ${person.name} out…`,
        done: () => `${person.name} is signed out and the keys are wiped from memory.`,
      },
      (options) => person.signOut(options),
    );
    if (!person.session) document.getElementById(`${id}-sign-in-secret`).focus();
  });
  return element('div', { class: 'signed-in' }, element('div', { class: 'actions' }, button, keep), shown.view);
}
