// Listening to an AbortSignal.

/** Whether the signal has fired. */
export function hasFired(signal) {
  return signal.aborted;
}

/** @returns {[Promise<void>, () => void]} what settles when the signal fires, and what stops listening */
export function listen(signal) {
  let heard;
  const fired = new Promise((resolve) => { heard = () => resolve(); });
  signal.addEventListener('abort', heard);
  return [fired, () => {
    signal.removeEventListener('abort', heard);
    heard();
  }];
}
