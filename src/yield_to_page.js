// Lets the page paint and answer its user in the midst of long work.

/** Settles once everything that was waiting has had its turn. */
export function yieldToPage() {
  // It is rejected where the page's own task was aborted, which is no reason not to go on.
  if (globalThis.scheduler?.yield) return globalThis.scheduler.yield().catch(() => {});
  // Timers would wait for four milliseconds, after the first few.
  if (globalThis.setImmediate)
    return new Promise((resolve) => {
      globalThis.setImmediate(resolve);
    });
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
