/** Where the time of a client goes: Chromium's own profiler watches the page's thread. */

/** In the order in which they are told. */
export const PARTS = ['waiting', 'browser', 'module', 'scripts', 'garbage'];

/**
 * Watches while `work` runs, which calls the page's `startProfile` and `stopProfile` around what is to be watched.
 *
 * @param {import('playwright-core').Page} page
 * @param {() => Promise<void>} work
 * @returns {Promise<Record<string, number>>} for each part, how much of the time, between 0 and 1
 */
export async function profiled(page, work) {
  const session = await page.context().newCDPSession(page);
  const spent = Object.fromEntries(PARTS.map((part) => [part, 0]));
  await session.send('Profiler.enable');
  // Microseconds. The shortest cases take ten milliseconds.
  await session.send('Profiler.setSamplingInterval', { interval: 100 });
  watching.set(page, {
    start: () => session.send('Profiler.start'),
    stop: async () => add((await session.send('Profiler.stop')).profile, spent),
  });
  try {
    await work();
  } finally {
    watching.delete(page);
    await session.detach();
  }
  const all = Object.values(spent).reduce((sum, time) => sum + time, 0);
  return Object.fromEntries(Object.entries(spent).map(([part, time]) => [part, all > 0 ? time / all : 0]));
}

/** Gives the page what it calls. */
export async function letProfile(page) {
  await page.exposeFunction('startProfile', async () => {
    await watching.get(page).start();
  });
  await page.exposeFunction('stopProfile', async () => {
    await watching.get(page).stop();
  });
}

const watching = new Map();

function add({ nodes, samples, timeDeltas }, spent) {
  const parts = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame)]));
  samples.forEach((node, index) => {
    spent[parts.get(node)] += Math.max(timeDeltas[index], 0);
  });
}

function partOf({ functionName, url }) {
  if (functionName === '(idle)') return 'waiting';
  if (functionName === '(garbage collector)') return 'garbage';
  if (url.startsWith('wasm://') || url.endsWith('.wasm')) return 'module';
  // What the browser does by itself has no URL: calls of `crypto.subtle` and `fetch`, and what it calls `(program)`.
  return url === '' ? 'browser' : 'scripts';
}
