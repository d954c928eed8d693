// The network of a page, a worker or Node, as far as JavaScript does it better than compiled code: in fewer bytes.

/**
 * Sends one request and reads its whole reply. The promise is rejected where there is none, for whatever reason: browsers
 * tell no more than that, and rightly so. A reply of more than `limit` bytes is cut off, also one that lies about its length.
 *
 * @param {typeof fetch} fetch what sends it
 * @param {string[]} headers names and values by turns
 * @param {Uint8Array | undefined} body
 * @returns {[Promise<[number, string | null, Uint8Array | null]>, () => void]} status, `Retry-After`, and the body, null for
 *   one that is too long; and what gives the request up and frees its connection
 */
export function exchange(fetch, method, url, headers, body, limit) {
  const abort = new AbortController();
  return [send(fetch, method, url, headers, body, limit, abort.signal), () => { abort.abort(); }];
}

async function send(fetch, method, url, headers, body, limit, signal) {
  const named = [];
  for (let index = 0; index < headers.length; index += 2) named.push([headers[index], headers[index + 1]]);
  const request = new Request(url, {
    method, headers: named, body, signal, redirect: 'error', credentials: 'omit', cache: 'no-store',
  });
  const response = await fetch(request);
  const announced = Number(response.headers.get('content-length'));
  const read = announced > limit ? null : await readBody(response, limit);
  return [response.status, response.headers.get('retry-after'), read];
}

/** @returns {[Promise<void>, () => void]} what settles after a while, and what stops the timer: a running one keeps Node.js from ending */
export function sleep(milliseconds) {
  let timer;
  let settle;
  const elapsed = new Promise((resolve) => {
    settle = resolve;
    timer = setTimeout(resolve, milliseconds);
  });
  return [elapsed, () => {
    clearTimeout(timer);
    settle();
  }];
}

async function readBody(response, limit) {
  if (!response.body) return new Uint8Array();
  const reader = response.body.getReader();
  const chunks = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > limit) {
      await reader.cancel();
      return null;
    }
    chunks.push(value);
  }
  return chunks.length === 1 ? chunks[0] : joined(chunks, length);
}

function joined(chunks, length) {
  const whole = new Uint8Array(length);
  let place = 0;
  for (const chunk of chunks) {
    whole.set(chunk, place);
    place += chunk.length;
  }
  return whole;
}
