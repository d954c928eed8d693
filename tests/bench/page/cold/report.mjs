/** Tells the driver when the first value was there, counted from the navigation on, and what the values were. */
export async function report(work) {
  try {
    const slots = await work(globalThis.scene);
    const milliseconds = performance.now();
    const values = [...slots].sort((one, other) => (one.name < other.name ? -1 : 1)).map(({ value }) => value);
    const requests = performance.getEntriesByType('resource').length;
    globalThis.coldStart = { milliseconds, values, requests };
  } catch (error) {
    globalThis.coldStart = { error: String(error?.stack ?? error) };
  }
}
