/** The package in a real browser, page and worker: by itself, and through bundlers. */
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { launchBrowser, watchForTrouble } from './support/browser.mjs';
import { makeProject, node, roundTripOutcome, tool } from './support/projects.mjs';
import { serveFolder } from './support/static-server.mjs';

/** Allows what is the page's own, and compiling WebAssembly; no inline code, no `eval`. */
const strictPolicy = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'; img-src data:; " +
    "base-uri 'none'; form-action 'none'",
};
const expected = roundTripOutcome({ inWorker: true });

const patience = 60_000;

/** What the page shows in the end, or what went wrong on it instead. */
async function outcomesOf(page, trouble) {
  const started = Date.now();
  while (Date.now() - started < patience) {
    const outcomes = await page.evaluate(() => globalThis.outcomes);
    if (outcomes) return outcomes;
    if (trouble.length > 0) break;
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  throw new Error(`the page came to no end: ${trouble.join('; ') || 'and gave no reason'}`);
}

describe('the package in a browser', () => {
  let browser;
  const projects = [];

  before(async () => {
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    for (const project of projects) await project.remove();
  });

  async function folderOf(name) {
    const project = await makeProject(name);
    projects.push(project);
    return project.folder;
  }

  /** Opens a page and holds the outcomes that it shows, and what it asked the server for, against what they have to be. */
  async function expectToWork(url, requests) {
    const page = await browser.newPage();
    try {
      const trouble = await watchForTrouble(page);
      await page.goto(url);
      const { page: inPage, worker: inWorker } = await outcomesOf(page, trouble);
      for (const { forgotten, ...rest } of [inPage, inWorker]) {
        assert.deepEqual(rest, expected);
        assert.match(forgotten, /call init\(\) first/);
      }
      assert.deepEqual(trouble, []);
      const modules = requests.filter((path) => path.endsWith('.wasm'));
      assert.equal(new Set(modules).size, 2, `the modules were loaded from ${modules.join(', ')}`);
    } finally {
      await page.close();
    }
  }

  it('runs without a bundler under a strict Content Security Policy', async () => {
    const server = await serveFolder(await folderOf('plain'), { headers: strictPolicy });
    try {
      await expectToWork(`${server.url}/`, server.requests);
    } finally {
      await server.close();
    }
  });

  it('runs when built by Vite, also below a path', async () => {
    const folder = await folderOf('vite');
    const { status, output } = await node(
      folder,
      tool('vite/bin/vite.js'),
      'build',
      '--base',
      './',
      '--outDir',
      'dist/below/a/path',
    );
    assert.equal(status, 0, output);
    const server = await serveFolder(join(folder, 'dist'), { headers: strictPolicy });
    try {
      await expectToWork(`${server.url}/below/a/path/`, server.requests);
    } finally {
      await server.close();
    }
  });

  it('runs on Vite’s development server', async () => {
    const { createServer } = await import('vite');
    const folder = await folderOf('vite');
    const requests = [];
    const recorder = ({ middlewares }) => {
      middlewares.use(({ url }, _response, next) => {
        requests.push(new URL(url, 'http://localhost').pathname);
        next();
      });
    };
    const server = await createServer({
      root: folder,
      configFile: false,
      plugins: [{ name: 'recorder', configureServer: recorder }],
      logLevel: 'error',
      server: { host: '127.0.0.1', port: 0, hmr: false },
    });
    try {
      await server.listen();
      await expectToWork(server.resolvedUrls.local[0], requests);
    } finally {
      await server.close();
    }
  });

  it('runs when built by webpack', async () => {
    const folder = await folderOf('webpack');
    const { status, output } = await node(folder, 'build.mjs');
    assert.equal(status, 0, output);
    await cp(join(folder, 'index.html'), join(folder, 'dist/index.html'));
    const server = await serveFolder(join(folder, 'dist'), { headers: strictPolicy });
    try {
      await expectToWork(`${server.url}/`, server.requests);
    } finally {
      await server.close();
    }
  });
});
