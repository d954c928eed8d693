// Lets the page paint and answer its user in the midst of long work.

// As they are when this is loaded: a test that replaces the timers later, and stands still, is not waited for.
const { MessageChannel, setImmediate } = globalThis;

/** Settles once everything that was waiting has had its turn. */
export function yieldToPage() {
  // It is rejected where the page's own task was aborted, which is no reason not to go on.
  if (globalThis.scheduler?.yield) return globalThis.scheduler.yield().catch(() => {});
  // Timers would wait for four milliseconds, after the first few.
  if (setImmediate)
    return new Promise((resolve) => {
      setImmediate(resolve);
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
