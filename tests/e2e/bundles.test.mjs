/** The package in bundles that do not take its files along: `vaultshare/inline` needs none, and the other entry says so. */
import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { build } from 'esbuild';
import { rollup } from 'rollup';
import { launchBrowser, watchForTrouble } from './support/browser.mjs';
import { makeProject, node, roundTripOutcome } from './support/projects.mjs';
import { serveFolder } from './support/static-server.mjs';

const expected = roundTripOutcome({ inWorker: false });

/** How a bundler makes one file of `entry`. */
const bundlers = {
  'esbuild, for browsers': (entry, outfile, format) =>
    build({
      entryPoints: [entry],
      outfile,
      format,
      bundle: true,
      platform: 'browser',
      logLevel: 'error',
      minify: true,
    }),
  'esbuild, for servers': (entry, outfile, format) =>
    build({ entryPoints: [entry], outfile, format, bundle: true, platform: 'node', logLevel: 'silent' }),
  Rollup: async (entry, file, format) => {
    const bundle = await rollup({ input: entry, plugins: [nodeResolve({ browser: true })], logLevel: 'silent' });
    await bundle.write({ file, format, inlineDynamicImports: true, name: 'bundle' });
    await bundle.close();
  },
};

describe('a bundle of one file', () => {
  let browser;
  let project;

  before(async () => {
    browser = await launchBrowser();
    project = await makeProject('inline');
  });
  after(async () => {
    await browser?.close();
    await project?.remove();
  });

  /** Bundles an entry of the project, and gives the folder with it. */
  async function bundled(bundler, entry, format, name = 'bundle.js') {
    const folder = join(project.folder, `${bundler} ${entry} ${format}`.replaceAll(/[^\w.]+/g, '-'));
    await mkdir(folder, { recursive: true });
    await bundlers[bundler](join(project.folder, entry), join(folder, name), format);
    await cp(join(project.folder, 'index.html'), join(folder, 'index.html'));
    return folder;
  }

  async function outcomeInBrowser(folder, expectedTrouble = []) {
    const server = await serveFolder(folder);
    const page = await browser.newPage();
    try {
      const trouble = await watchForTrouble(page);
      await page.goto(`${server.url}/`);
      const outcome = await page.waitForFunction(() => globalThis.outcomes, undefined, { timeout: 60_000 });
      assert.deepEqual(trouble, expectedTrouble);
      return await outcome.jsonValue();
    } finally {
      await page.close();
      await server.close();
    }
  }

  async function outcomeInNode(folder, name) {
    await writeFile(join(folder, 'package.json'), '{}');
    const { status, output } = await node(folder, name);
    assert.equal(status, 0, output);
    return JSON.parse(output.trim().split('\n').at(-1));
  }

  for (const bundler of ['esbuild, for browsers', 'Rollup']) {
    it(`runs as a script, with the inlined entry (${bundler})`, async () => {
      const { forgotten, ...rest } = await outcomeInBrowser(await bundled(bundler, 'browser.js', 'iife'));
      assert.match(forgotten, /call init\(\) first/);
      assert.deepEqual(rest, expected);
    });

    it(`says what to do as a script, with the entry whose files lie beside it (${bundler})`, async () => {
      // Rollup's scripts know their own address, so that the file is asked for where it is not.
      const missing = 'console error: Failed to load resource: the server responded with a status of 404 (Not Found)';
      const folder = await bundled(bundler, 'beside.js', 'iife');
      const outcome = await outcomeInBrowser(folder, bundler === 'Rollup' ? [missing] : []);
      assert.equal(outcome.name, 'VaultError', JSON.stringify(outcome));
      assert.match(outcome.message, /vaultshare\/inline/);
    });
  }

  for (const [format, name] of [
    ['cjs', 'bundle.cjs'],
    ['esm', 'bundle.mjs'],
  ]) {
    it(`runs in Node.js, with the inlined entry (esbuild, ${format})`, async () => {
      const folder = await bundled('esbuild, for servers', 'server.js', format, name);
      const { forgotten, ...rest } = await outcomeInNode(folder, name);
      assert.match(forgotten, /call init\(\) first/);
      assert.deepEqual(rest, expected);
    });

    it(`says what to do in Node.js, with the entry whose files lie beside it (esbuild, ${format})`, async () => {
      const folder = await bundled('esbuild, for servers', 'beside.js', format, name);
      const outcome = await outcomeInNode(folder, name);
      assert.equal(outcome.name, 'VaultError', JSON.stringify(outcome));
      assert.match(outcome.message, /vaultshare\/inline/);
    });
  }
});
