/**
 * A proxy that puts a script into pages, which tells it of the page's errors: for a browser whose driver does not tell of
 * them, and has no way to run a script before the page's own.
 */
import { createServer, request as sendRequest } from 'node:http';

/** A path on every host, for the script and for what it tells. */
const path = '/--errors-of-this-page';

/** Runs in the page, before anything of its own. */
function tellErrors(path) {
  const { fetch } = globalThis;
  const tell = (sentence) => fetch(path, { method: 'POST', body: sentence, keepalive: true }).catch(() => {});
  const { error } = console;
  console.error = (...shown) => {
    tell(`console error: ${shown.join(' ')}`);
    error.apply(console, shown);
  };
  addEventListener('error', (event) => tell(`uncaught exception: ${event.message}`));
  addEventListener('unhandledrejection', ({ reason }) => tell(`uncaught exception: ${reason}`));
  addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
    tell(`content security policy violated: ${violatedDirective} by ${blockedURI || 'inline code'}`),
  );
}

/**
 * @param {(sentence: string) => void} tell
 * @returns {Promise<{ address: string, close: () => Promise<void> }>}
 */
export async function startWatchingProxy(tell) {
  const server = createServer((request, response) => {
    const url = new URL(request.url);
    if (url.pathname === path) return answer(request, response, tell);
    const headers = { ...request.headers };
    delete headers['accept-encoding']; // Nothing could be put into compressed pages.
    const forwarded = sendRequest(url, { method: request.method, headers }, (reply) => {
      const isPage = reply.statusCode === 200 && reply.headers['content-type']?.startsWith('text/html');
      const { 'content-length': _, ...rest } = reply.headers;
      response.writeHead(reply.statusCode, isPage ? rest : reply.headers);
      if (isPage) readAll(reply).then((page) => response.end(withScript(page)));
      else reply.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    response.on('close', () => forwarded.destroy());
    request.pipe(forwarded);
  });
  server.on('upgrade', passOn);
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${server.address().port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

/** A WebSocket, as what listens for changes in a development server's pages. */
function passOn(request, socket) {
  const url = new URL(request.url);
  const forwarded = sendRequest({
    host: url.hostname,
    port: url.port,
    path: url.pathname + url.search,
    headers: request.headers,
  });
  forwarded.on('upgrade', ({ rawHeaders }, other) => {
    const lines = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`));
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
    socket.pipe(other).pipe(socket);
    other.on('error', () => socket.destroy());
    socket.on('error', () => other.destroy());
    socket.on('close', () => other.destroy());
  });
  forwarded.on('error', () => socket.destroy());
  forwarded.on('response', () => socket.destroy());
  forwarded.end();
}

/** From the page's own host, which is where policies allow scripts and requests. */
const withScript = (page) =>
  page.replace(/<meta charset[^>]*>|<head>/i, (start) => `${start}<script src="${path}"></script>`);

async function answer(request, response, tell) {
  if (request.method === 'POST') {
    tell(await readAll(request));
    response.writeHead(204).end();
  } else {
    const headers = { 'Content-Type': 'text/javascript; charset=utf-8', 'Cache-Control': 'no-store' };
    response.writeHead(200, headers).end(`(${tellErrors})(${JSON.stringify(path)});`);
  }
}

async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
