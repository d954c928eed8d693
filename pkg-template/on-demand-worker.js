// The worker that `on-demand.js` starts: reports that it is ready, then replies to each request.

import { perform, start } from './on-demand-module.js';

self.onmessage = ({ data: { id, operation, values } }) => {
  try {
    const result = perform(operation, values);
    postMessage({ id, result }, result instanceof Uint8Array ? [result.buffer] : []);
  } catch (error) {
    postMessage({ id, error: String(error) });
  }
};

start(
  (place) => fetch(place),
  () => new URL('./on_demand_bg.wasm', import.meta.url),
).then(
  () => postMessage({}),
  (error) => postMessage({ error: String(error) }),
);
