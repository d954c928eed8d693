/**
 * Runs asynchronous tasks, so many at once and no more.
 *
 * @template T
 * @param {number} atOnce
 * @param {(() => Promise<T>)[]} tasks
 * @returns {Promise<T[]>} in the order of the tasks
 */
export async function inParallel(atOnce, tasks) {
  const results = [];
  const waiting = tasks.entries();
  const work = async () => {
    for (const [index, task] of waiting) results[index] = await task();
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, tasks.length) }, work));
  return results;
}
