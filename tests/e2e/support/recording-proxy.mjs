/**
 * Stands between the browser and the server and writes down everything that passes, both ways, as it is on the wire.
 * Whatever the page sends to its own address goes through here, whichever way it was sent. On request it lets the server
 * say something else than it does.
 */
import { createServer, request as sendRequest } from 'node:http';

/**
 * @param {string} target where the server is
 * @returns {Promise<{ url: string, exchanges: Exchange[], answerWith: (url: RegExp, change: (body: any) => any) => () => void,
 *   close: () => Promise<void> }>} `answerWith` changes the answers to `GET`s until the function that it gives is called
 * @typedef {{ method: string, url: string, path: string, status: number, requestHeaders: string[], requestBody: Buffer,
 *   responseHeaders: string[], responseBody: Buffer }} Exchange
 */
export async function startRecordingProxy(target) {
  const exchanges = [];
  const changes = new Map();
  const { hostname, port } = new URL(target);

  const server = createServer(async (request, response) => {
    const requestBody = await readAll(request);
    const headers = { ...request.headers };
    delete headers['accept-encoding']; // Compressed answers could not be searched.
    const forwarded = sendRequest(
      { hostname, port, method: request.method, path: request.url, headers },
      async (answer) => {
        const responseBody = await readAll(answer);
        exchanges.push({
          method: request.method,
          url: request.url,
          path: request.url.split('?')[0],
          status: answer.statusCode,
          requestHeaders: request.rawHeaders,
          requestBody,
          responseHeaders: answer.rawHeaders,
          responseBody,
        });
        const isFound = request.method === 'GET' && answer.statusCode === 200;
        const change = isFound && [...changes].find(([url]) => url.test(request.url))?.[1];
        const body = change ? Buffer.from(JSON.stringify(change(JSON.parse(responseBody)))) : responseBody;
        const length = change ? { 'content-length': body.length } : {};
        response.writeHead(answer.statusCode, { ...answer.headers, ...length });
        response.end(body);
      },
    );
    forwarded.on('error', () => response.destroy());
    forwarded.end(requestBody);
  });

  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    exchanges,
    answerWith(url, change) {
      changes.set(url, change);
      return () => changes.delete(url);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
