// Listening to an AbortSignal.

/** @returns {[Promise<void>, () => void]} what settles when the signal fires, and what stops listening */
export function listen(signal) {
  let heard;
  const fired = new Promise((resolve) => { heard = () => resolve(); });
  signal.addEventListener('abort', heard);
  return [fired, () => { signal.removeEventListener('abort', heard); }];
}
