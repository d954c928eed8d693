// What the worker does that `portable-rsa.js` starts: says when it is ready, then answers one question after another.

import { perform, start } from './portable-rsa-module.js';

self.onmessage = ({ data: { question, operation, values } }) => {
  try {
    const result = perform(operation, values);
    postMessage({ question, result }, result instanceof Uint8Array ? [result.buffer] : []);
  } catch (error) {
    postMessage({ question, error: String(error) });
  }
};

start((place) => fetch(place)).then(() => postMessage({}), (error) => postMessage({ error: String(error) }));
