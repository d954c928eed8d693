/** Counts what is sent, by a `fetch` in the place of the global one: clients take that when they are made. */

export const requests = { sent: 0 };

const send = globalThis.fetch;
globalThis.fetch = (...request) => {
  requests.sent += 1;
  return send.apply(globalThis, request);
};
