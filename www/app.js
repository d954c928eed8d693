/** Starts the page: loads the package, then gives Alice, Bob and Carlos a pane each and the server the last. */
import { announce } from './announce.js';
import { element } from './dom.js';
import { explain } from './errors.js';
import { Recorder } from './recorder.js';
import { serverPane } from './server-pane.js';
import { guide } from './steps.js';
import { userPane } from './user-pane.js';
import { World } from './world.js';

const services = { vaultUrl: `${location.origin}/vault`, keystoreUrl: `${location.origin}/keystore` };
const names = ['Alice', 'Bob', 'Carlos'];

async function start() {
  const { default: init } = await import('./pkg/index.js');
  await init();
  const { Person } = await import('./person.js');

  const world = new World();
  const recorder = new Recorder();
  for (const name of names) world.add(new Person(name, { ...services, fetch: recorder.fetchFor(name) }));
  if (/^#(invitation|vs1)=/.test(location.hash)) {
    world.followed = location.href;
    history.replaceState(null, '', location.pathname); // The token is nothing for the address bar and the history.
  }
  guide(world, document.getElementById('guide'));
  document.getElementById('panes').replaceChildren(
    element(
      'div',
      { class: 'people' },
      world.people.map((person) => userPane(person, world, recorder)),
    ),
    serverPane(recorder),
  );
  // The keys must not outlive the page, not even in a copy kept for the back button.
  addEventListener('pagehide', () => {
    for (const person of world.people) person.close();
  });
  addEventListener('pageshow', (event) => event.persisted && location.reload());
  const resumed = await Promise.allSettled(world.people.map((person) => person.resume()));
  document.body.dataset.ready = 'true';
  const failure = resumed.find(({ reason }) => reason);
  if (failure) {
    announce(`Not everybody who was kept signed in is: ${explain(failure.reason).sentence}`, 'failed');
    return;
  }
  const here = world.people.filter(({ session }) => session).map(({ name }) => name);
  if (here.length > 0 && !world.followed) {
    announce(`Ready. Still signed in: ${here.join(', ')}.`);
    return;
  }
  announce(
    world.followed
      ? 'Ready. Sign in as whoever was invited: the invitation waits under People.'
      : 'Ready. Nothing has been sent to the server yet.',
  );
}

start().catch((error) => {
  console.error(error); // For whoever builds or serves this page; it holds no secret, as there is none yet.
  announce(
    `This page could not start: ${explain(error).sentence} Is the package built (pkg/) and served beside this page?`,
    'failed',
  );
});
