/**
 * The guide: what happens in which order and why. A step is done when its result is there, whoever brought it about
 * and in whatever order, so nobody is held to the path; the strip only shows the way.
 */
import { element } from './dom.js';

const steps = [
  {
    name: 'create-alice',
    title: 'Create Alice',
    target: 'alice-passphrase',
    why: 'Her browser makes her keys and wraps them with a key from her secret and her passphrase. The server gets the wrapped keys only.',
    done: ({ alice }) => Boolean(alice.session),
  },
  {
    name: 'store-item',
    title: 'Alice keeps something',
    target: 'alice-template',
    why: 'She fills in a vehicle. Each value is sealed before it leaves the page; look at the last pane for what arrived.',
    done: ({ alice }) => alice.items.length > 0,
  },
  {
    name: 'create-bob',
    title: 'Create Bob',
    target: 'bob-passphrase',
    why: 'A second person with a session of his own. He has nothing yet and can read nothing of Alice’s.',
    done: ({ bob }) => Boolean(bob.session),
  },
  {
    name: 'invite',
    title: 'Alice invites Bob',
    target: 'alice-invite',
    why: 'Her browser makes a key pair for this connection and publishes the public half. The Vault mails Bob a token; she can also hand it over herself.',
    done: ({ alice }) => Boolean(alice.invitation) || alice.connections.length > 0,
  },
  {
    name: 'accept',
    title: 'Bob accepts',
    target: 'bob-accept-token',
    why: 'He finds the e-mail among his people, follows its link, and says whom it is from: with the token in it Bob makes his key pair. Now each has the other’s public key, as the server handed it out.',
    done: ({ bob }) => bob.connections.length > 0,
  },
  {
    name: 'compare',
    title: 'Compare numbers',
    target: 'alice-people',
    why: 'A lying server could hand out its own keys instead. Then the two safety numbers would differ, so they compare them; from then on neither accepts another key.',
    done: ({ alice }) => alice.connections.some(({ verified }) => verified === 'compared'),
  },
  {
    name: 'share',
    title: 'Alice shares',
    target: 'alice-share-item',
    why: 'Her browser opens the item, seals it again under a fresh key and seals that key with Bob’s public key. She writes terms, and lets him share it on.',
    done: ({ alice }) => alice.outgoing.length > 0,
  },
  {
    name: 'read',
    title: 'Bob reads',
    target: 'bob-received',
    why: 'He sees the terms first, and values once he accepted. His private key opens the share’s key, that key opens the values. The server only passed the parcels on.',
    done: ({ bob }) => bob.received.size > 0,
  },
  {
    name: 'create-carlos',
    title: 'Create Carlos',
    target: 'carlos-passphrase',
    why: 'A third person, whom Alice does not know. Invite him as Bob, and accept as Carlos.',
    done: ({ carlos }) => Boolean(carlos.session),
  },
  {
    name: 'connect-carlos',
    title: 'Bob meets Carlos',
    target: 'bob-invite',
    why: 'Bob invites Carlos as Alice invited him, with another key pair: no two connections share one.',
    done: ({ carlos }) => carlos.connections.length > 0,
  },
  {
    name: 'share-on',
    title: 'Bob shares on',
    target: 'bob-share-item',
    why: 'Alice permitted it. Bob seals the values for Carlos, and with them goes Alice’s proof of each: he could not alter one unnoticed.',
    done: ({ bob }) => bob.outgoing.length > 0,
  },
  {
    name: 'read-on',
    title: 'Carlos reads',
    target: 'carlos-received',
    why: 'What he reads is Alice’s, checked against her proof, though it came from Bob.',
    done: ({ carlos }) => carlos.received.size > 0,
  },
  {
    name: 'change',
    title: 'Alice changes it',
    target: 'alice-open-change',
    why: 'The server cannot seal the new value for Bob and Carlos: it has no key. It notes a task for Alice’s browser instead.',
    done: ({ alice }) => alice.outstanding.todo > 0,
  },
  {
    name: 'run',
    title: 'The update goes out',
    target: 'alice-run-tasks',
    why: 'Her browser seals each value once under a fresh key, and that key for each of those whom she let have the item. Whoever else the server lists gets nothing, and she is told.',
    done: () => false, // Leaves no record; running the tasks marks it.
  },
];

export function guide(world, container) {
  const items = steps.map((step, at) => {
    const button = element(
      'button',
      { type: 'button', class: 'step', 'data-testid': `step-${step.name}`, on: { click: () => show(at) } },
      element('span', { class: 'step-number', 'aria-hidden': 'true' }, String(at + 1)),
      element('span', { class: 'step-title' }, step.title),
    );
    return element('li', {}, button);
  });
  const title = element('h3', {});
  const why = element('p', {});
  const go = element('button', { type: 'button', class: 'primary', 'data-testid': 'guide-go' }, 'Take me there');
  container.append(
    element('ol', { class: 'steps' }, items),
    element('div', { class: 'step-card', 'data-testid': 'step-card' }, element('div', {}, title, why), go),
  );

  let shown = 0;
  const show = (at) => {
    shown = at;
    const step = steps[at];
    title.textContent = step ? `${at + 1}. ${step.title}` : 'That was the whole way';
    why.textContent =
      step?.why ??
      'Bob and Carlos have read what Alice wrote, and what she changed; the server has carried it and knows none of it. Stop sharing, or sign out and in again.';
    go.hidden = !step;
    items.forEach((item, index) => {
      item.firstChild.toggleAttribute('data-shown', index === at);
    });
  };
  go.addEventListener('click', () => goTo(steps[shown]));

  const update = () => {
    const [alice, bob, carlos] = ['Alice', 'Bob', 'Carlos'].map((name) => world.named(name));
    for (const step of steps) if (step.done({ alice, bob, carlos })) world.done.add(step.name);
    const next = steps.findIndex(({ name }) => !world.done.has(name));
    items.forEach((item, at) => {
      const isDone = world.done.has(steps[at].name);
      item.firstChild.classList.toggle('done', isDone);
      item.firstChild.setAttribute('aria-label', `Step ${at + 1}: ${steps[at].title}${isDone ? ', done' : ''}`);
      if (at === next) item.firstChild.setAttribute('aria-current', 'step');
      else item.firstChild.removeAttribute('aria-current');
    });
    const position = next === -1 ? steps.length : next;
    if (position !== container.next) show(position);
    container.next = position;
  };
  world.addEventListener('change', update);
  update();
}

/** Opens what is folded around the step's place and puts the focus there. */
function goTo({ target }) {
  const place = document.getElementById(target) ?? document.querySelector(`[data-testid="${CSS.escape(target)}"]`);
  if (!place) return;
  for (let around = place.closest('details'); around; around = around.parentElement.closest('details'))
    around.open = true;
  const control = place.matches('input, select, textarea, button')
    ? place
    : (place.querySelector('button:not([hidden]), input, select') ?? place);
  control.focus({ preventScroll: true });
  place.scrollIntoView({
    block: 'center',
    behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth',
  });
}
