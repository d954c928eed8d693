// Finds the time for what can wait.

/** Nothing is begun sooner: what has just ended is often followed by more. In milliseconds. */
const MOMENT = 1000;

/**
 * Resolves when the page is seen and has had time to spare after a moment, or when the signal fires. Workers and Node.js
 * have no page that could be hidden.
 */
export async function idle(signal) {
  do {
    await shown(signal);
    await aMomentLater();
    await timeToSpare();
  } while (isHidden() && !signal.aborted);
}

function isHidden() {
  return globalThis.document?.visibilityState === 'hidden';
}

/** Also settles when it is given up. Listeners that were not called then go with the signal. */
function shown(signal) {
  return new Promise((resolve) => {
    if (!isHidden() || signal.aborted) return resolve();
    document.addEventListener('visibilitychange', resolve, { once: true, signal });
    signal.addEventListener('abort', resolve, { once: true });
  });
}

function aMomentLater() {
  return new Promise((resolve) => {
    // A program under Node.js that is otherwise done need not wait for this.
    setTimeout(resolve, MOMENT).unref?.();
  });
}

function timeToSpare() {
  return new Promise((resolve) => {
    if (globalThis.requestIdleCallback) requestIdleCallback(resolve);
    else resolve();
  });
}
