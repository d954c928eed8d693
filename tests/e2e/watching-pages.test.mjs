/** The watch that the tests of pages keep would notice: each engine tells of its pages' errors in a way of its own. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { launchBrowser, watchForTrouble } from './support/browser.mjs';
import { serveFolder } from './support/static-server.mjs';

const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Troubled</title><link rel="icon" href="data:,">
<script type="module" src="main.js"></script></head><body></body></html>\n`;
const policy = {
  'Content-Security-Policy': "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:",
};

/** What a script does → what is to be told of it. */
const troubles = {
  'an error on the console': ["console.error('something told')", /something told/],
  'an uncaught exception': ["throw new Error('something thrown')", /something thrown/],
  'a rejection that nobody handles': ["Promise.reject(new Error('something rejected'))", /something rejected/],
  'what the policy forbids': ["new Image().src = 'https://example.com/image.png'", /img-src/],
};

describe('the watch on a page', () => {
  let browser;
  let folder;
  let server;
  before(async () => {
    browser = await launchBrowser();
    folder = await mkdtemp(join(tmpdir(), 'vaultshare-watch-'));
    server = await serveFolder(folder, { headers: policy });
    await writeFile(join(folder, 'index.html'), page);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function troubleWith(script, isEnough) {
    await writeFile(join(folder, 'main.js'), `${script};\nglobalThis.done = true;\n`);
    const opened = await browser.newPage();
    try {
      const trouble = await watchForTrouble(opened);
      await opened.goto(`${server.url}/`);
      const end = Date.now() + 10_000;
      while (!isEnough(trouble) && Date.now() < end) await opened.evaluate(() => globalThis.done);
      return trouble;
    } finally {
      await opened.close();
    }
  }

  for (const [what, [script, expected]] of Object.entries(troubles)) {
    it(`notices ${what}`, async () => {
      const trouble = await troubleWith(script, (told) => told.some((sentence) => expected.test(sentence)));
      assert.ok(trouble.length > 0, 'nothing was noticed');
      for (const sentence of trouble) assert.match(sentence, expected);
    });
  }

  it('finds nothing on a page without trouble', async () => {
    const started = Date.now();
    assert.deepEqual(await troubleWith("console.warn('a warning')", () => Date.now() - started > 1_000), []);
  });
});
