/** How requests look to whoever watches them: the network panel, a server that sends them elsewhere. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openBench } from './support/bench.mjs';
import { launchBrowser } from './support/browser.mjs';
import { packageFolder, passphrase, vaultshare } from './support/in-node.mjs';

/** Counts what bodies are read by: a blob is kept outside of the page, and takes longer. */
const countReaders = () => {
  globalThis.read = { blob: 0, arrayBuffer: 0 };
  for (const name of Object.keys(globalThis.read)) {
    const { [name]: read } = Response.prototype;
    Response.prototype[name] = function (...given) {
      // The modules are none of these.
      if (!this.url.endsWith('.wasm')) globalThis.read[name] += 1;
      return read.apply(this, given);
    };
  }
};

const servers = [];
after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** Starts a server that answers so, until the tests are over. */
async function serve(answer) {
  const server = createServer(answer);
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  servers.push(server);
  return `http://127.0.0.1:${server.address().port}`;
}

describe('requests of a page', () => {
  let bench;
  before(async () => {
    bench = await openBench({ before: (page) => page.addInitScript(countReaders) });
  });
  after(() => bench?.close());

  it('are shown as what they were: those that succeed as finished', async () => {
    const failed = [];
    let finished = 0;
    bench.page.on('requestfailed', (request) => failed.push(`${request.url()} ${request.failure()?.errorText}`));
    bench.page.on('requestfinished', () => {
      finished += 1;
    });
    await bench.page.evaluate(async (passphrase) => {
      const client = new globalThis.vaultshare.VaultClient(globalThis.services);
      globalThis.session = await client.createUser(passphrase);
      const { items } = globalThis.session;
      const ids = [];
      for (let at = 0; at < 10; at += 1) {
        ids.push((await items.create({ template: 'vehicle', label: 'x', slots: { vin: 'x' } })).id);
      }
      await items.getMany(ids);
      for (const id of ids) await items.get(id);
      await items.list();
    }, passphrase);
    assert.deepEqual(failed, []);
    assert.ok(finished > 40, `${finished}`);
    const read = await bench.page.evaluate(() => globalThis.read);
    assert.deepEqual({ ...read, arrayBuffer: read.arrayBuffer > 40 }, { blob: 0, arrayBuffer: true });
  });

  it('are not followed where they are sent elsewhere', async () => {
    const elsewhere = [];
    await bench.page.route('**/elsewhere/**', (route) => {
      elsewhere.push(route.request().url());
      return route.fulfill({ status: 200, body: '{}' });
    });
    await bench.page.route('**/vault/items?**', (route) =>
      route.fulfill({ status: 307, headers: { location: `${bench.url}/elsewhere/items` } }),
    );
    await bench.page.route('**/vault/items', (route) =>
      route.fulfill({ status: 307, headers: { location: `${bench.url}/elsewhere/items` } }),
    );
    const error = await bench.page.evaluate(() =>
      globalThis.session.items.list().then(
        () => 'listed',
        ({ code, message }) => ({ code, message }),
      ),
    );
    assert.equal(error.code, 'BAD_RESPONSE');
    assert.match(error.message, /base URL/);
    assert.deepEqual(elsewhere, []);
  });
});

describe('a reply that is longer than it looks', () => {
  const tooLong = gzipSync(Buffer.alloc(65 * 1024 * 1024, ' '));
  let browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser?.close());

  /** A page's files, and bombs in the place of a Vault and a Keystore. */
  const answer = async (request, response) => {
    const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' };
    if (request.method === 'OPTIONS') return response.writeHead(204, headers).end();
    if (request.url.startsWith('/keystore/')) {
      return response.writeHead(200, { ...headers, 'content-encoding': 'gzip' }).end(tooLong);
    }
    headers['content-type'] = request.url.endsWith('.wasm') ? 'application/wasm' : 'text/javascript';
    // Browsers ask for an icon.
    const file = await readFile(join(packageFolder, request.url)).catch(() => undefined);
    return response.writeHead(file ? 200 : 404, headers).end(file);
  };

  for (const [name, read] of [
    ['another', { blob: 1, arrayBuffer: 0 }],
    ['the page’s own', { blob: 0, arrayBuffer: 1 }],
  ]) {
    it(`is refused, and kept outside of the page if it is of another origin: of ${name}`, async () => {
      const [files, services] = [await serve(answer), await serve(answer)];
      const page = await browser.newPage();
      try {
        await page.addInitScript(countReaders);
        await page.goto(`${files}/package.json`);
        const outcome = await page.evaluate(
          async ([files, url]) => {
            const { default: init, VaultClient } = await import(`${files}/index.js`);
            await init();
            const client = new VaultClient({ vaultUrl: `${url}/vault`, keystoreUrl: `${url}/keystore`, retries: 0 });
            const { code, message } = await client.newSecret().catch((error) => error);
            return { code, message, read: globalThis.read };
          },
          [files, name === 'another' ? services : files],
        );
        assert.match(outcome.message, /too long/);
        assert.deepEqual([outcome.code, outcome.read], ['BAD_RESPONSE', read]);
      } finally {
        await page.close();
      }
    });
  }
});

describe('requests under Node.js', () => {
  it('are not followed where they are sent elsewhere', async () => {
    await vaultshare.default();
    const reached = [];
    const elsewhere = await serve((request, response) => {
      reached.push(request.url);
      response.end('{}');
    });
    const url = await serve((request, response) => {
      response.writeHead(307, { location: `${elsewhere}${request.url}` }).end();
    });
    const client = new vaultshare.VaultClient({ vaultUrl: `${url}/vault`, keystoreUrl: `${url}/keystore` });
    await assert.rejects(client.newSecret(), { code: 'BAD_RESPONSE', status: 307, message: /base URL/ });
    assert.deepEqual(reached, []);
  });
});
