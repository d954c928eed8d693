/** How requests look to whoever watches them: the network panel, a server that sends them elsewhere. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { openBench } from './support/bench.mjs';
import { passphrase, vaultshare } from './support/in-node.mjs';

describe('requests of a page', () => {
  let bench;
  before(async () => {
    bench = await openBench();
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

describe('requests under Node.js', () => {
  const servers = [];
  const serve = async (answer) => {
    const server = createServer(answer);
    await new Promise((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    servers.push(server);
    return `http://127.0.0.1:${server.address().port}`;
  };
  after(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

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
