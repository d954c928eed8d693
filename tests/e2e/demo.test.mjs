/**
 * The demo page with the built package and a real server, driven through the guide; and the driver itself, which has
 * to notice when things are not as they should be.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { packageFolder } from './support/bench.mjs';
import { launchBrowser, watchForTrouble } from './support/browser.mjs';
import { startServer } from './support/server.mjs';

const fromHere = (path) => fileURLToPath(new URL(path, import.meta.url));

describe('the demo page', () => {
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vaultshare-demo-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('leads Alice, Bob and Carlos through the whole guide', async () => {
    const www = join(folder, 'www');
    await cp(fromHere('../../www'), www, { recursive: true });
    await cp(packageFolder, join(www, 'pkg'), { recursive: true });
    const server = await startServer({ data: join(folder, 'data'), www, more: ['--mail-folder', join(www, 'inbox')] });
    try {
      const { status, output } = await drive(server.url, folder);
      assert.equal(status, 0, output);
      for (const name of ['Bob', 'Carlos']) {
        assert.match(output, new RegExp(`${name} reads licence_plate = NotACatDefsACar`));
        assert.match(output, new RegExp(`${name} reads licence_plate = OUTATIME`));
      }
      for (const picture of ['desktop.png', 'phone.png']) await access(join(folder, picture));
    } finally {
      await server.stop();
    }
  });

  it('keeps a person signed in over a reload, if they want that, and until they sign out', async () => {
    const www = join(folder, 'www');
    const server = await startServer({ data: join(folder, 'kept'), www });
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      const trouble = await watchForTrouble(page);
      const at = (testId) => page.getByTestId(testId);
      const load = async () => {
        await page.goto(server.url);
        await page.locator('body[data-ready=true]').waitFor();
      };
      await load();
      for (const person of ['alice', 'bob']) {
        await at(`${person}-passphrase`).fill('supersecretpassword');
        await at(`${person}-create`).click();
        await at(`${person}-open-item`).waitFor();
      }
      await at('alice-keep').click();
      await page.getByText('this browser needs no passphrase for Alice').waitFor();
      await load();
      await at('alice-open-item').waitFor();
      assert.equal(await at('bob-open-item').isVisible(), false, 'Bob did not ask for it');
      await at('alice-sign-out').click();
      await at('alice-sign-in-secret').waitFor();
      await load();
      assert.equal(await at('alice-open-item').isVisible(), false);
      assert.deepEqual(trouble, []);
    } finally {
      await browser.close();
      await server.stop();
    }
  });

  it('is not taken to work when it does not', async () => {
    const empty = createServer((_request, response) => response.end('<!doctype html><title>Empty</title>'));
    await new Promise((resolve) => {
      empty.listen(0, '127.0.0.1', resolve);
    });
    try {
      const { status, output } = await drive(`http://127.0.0.1:${empty.address().port}`, folder, {
        VAULTSHARE_DEMO_PATIENCE: '2000',
      });
      assert.equal(status, 1, output);
      assert.match(output, /The demo failed: .*alice-passphrase/);
    } finally {
      empty.closeAllConnections();
      empty.close();
    }
  });
});

/** Runs the driver as the command line does. */
function drive(url, screenshots, environment = {}) {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [fromHere('demo.mjs'), '--url', url, '--screenshots', screenshots],
      { env: { ...process.env, ...environment } },
      (error, stdout, stderr) => resolve({ status: error ? error.code : 0, output: `${stdout}${stderr}` }),
    );
  });
}
