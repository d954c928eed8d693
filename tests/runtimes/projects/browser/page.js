// Where the story runs: in the page itself, or in a worker of the kind that the address names.
import { showIn } from './common/tell.js';
import { story } from './common/unbundled-story.js';

const kinds = {
  page: () => story,
  'module worker': () => asked(new Worker('./worker.js', { type: 'module' })),
  'shared worker': () => asked(new SharedWorker('./shared-worker.js', { type: 'module' }).port),
  'service worker': async () => {
    await navigator.serviceWorker.register('./service-worker.js', { type: 'module' });
    const { active } = await navigator.serviceWorker.ready;
    const { port1, port2 } = new MessageChannel();
    active.postMessage(port2, [port2]);
    return asked(port1);
  },
};

const asked = (port) => (url) =>
  new Promise((resolve) => {
    port.onmessage = ({ data }) => resolve(data);
    port.onerror = ({ message }) => resolve({ error: message || 'the worker did not load' });
    port.postMessage(url);
  });

showIn(globalThis, await kinds[new URLSearchParams(location.search).get('in')]());
