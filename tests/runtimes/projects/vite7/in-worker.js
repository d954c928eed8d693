import { showIn } from './common/tell.js';

const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
const storyThere = (url) =>
  new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => resolve({ error: message || 'the worker did not load' });
    worker.postMessage(url);
  });
showIn(globalThis, storyThere);
