/** Shows what came of a round trip in the page and of one in a worker, for the test that looks at the page. */
import { roundTrip } from './round-trip.js';

/**
 * @param {typeof import('vaultshare')} vaultshare
 * @param {Worker} worker one that answers with the outcome of its round trip
 */
export async function showOutcomes(vaultshare, worker) {
  const inWorker = new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => resolve({ error: event.message || 'the worker did not load' });
  });
  globalThis.outcomes = {
    page: await roundTrip(vaultshare).catch(told),
    worker: await inWorker,
  };
}

export function told(error) {
  return { error: `${error.stack ?? error}` };
}
