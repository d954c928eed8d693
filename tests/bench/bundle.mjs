/** The peer's two packages for the browser, each by itself, so that its size is its own; and a page that loads one client alone. */
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { resolve } = createRequire(import.meta.url);

/** What they take from Node. Some of it there are packages for; of the rest they never use anything in a browser. */
const replaced = { crypto: 'crypto-browserify', stream: 'stream-browserify', vm: 'vm-browserify' };
const absent = ['http', 'https', 'zlib', 'fs', 'path', 'os', 'tty', 'net', 'child_process'];

const bundle = {
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'esnext',
  logLevel: 'error',
};

const ofPeer = {
  define: { global: 'window' },
  inject: [here('peer/globals.mjs')],
  alias: {
    ...Object.fromEntries(Object.entries(replaced).map(([name, instead]) => [name, resolve(instead)])),
    ...Object.fromEntries(absent.map((name) => [name, here('peer/absent.cjs')])),
  },
};

/**
 * A page for each client that loads it, signs in and reads.
 *
 * @param {string} www with the package in `pkg/`
 * @returns {Promise<string[]>} the scripts
 */
export async function bundleCold(www) {
  const scripts = { ours: 'pkg/cold.js', floor: 'bench/cold/floor.js', peer: 'bench/cold/peer.js' };
  for (const [client, script] of Object.entries(scripts)) {
    const entry = join(www, `bench/cold/${client}.mjs`);
    const peers = client === 'peer' ? { ...ofPeer, nodePaths: [here('node_modules')] } : {};
    // Ours beside the package's files, which it finds by its own URL.
    await build({ ...bundle, ...peers, entryPoints: [entry], outfile: join(www, script) });
    const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${client}</title><link rel="icon" href="data:,"><script type="module" src="/${script}"></script></html>`;
    await writeFile(join(www, `bench/cold/${client}.html`), page);
  }
  return Object.values(scripts);
}

/**
 * @param {string} folder where `sdk.js` and `cryppo.js` go
 * @returns {Promise<{ sdk: number, cryppo: number }>} their sizes, gzipped, in bytes
 */
export async function bundlePeer(folder) {
  await build({
    ...bundle,
    ...ofPeer,
    entryPoints: { sdk: here('peer/sdk.mjs'), cryppo: here('peer/cryppo.mjs') },
    outdir: folder,
  });
  const gzipped = async (file) => gzipSync(await readFile(join(folder, file)), { level: 9 }).length;
  return { sdk: await gzipped('sdk.js'), cryppo: await gzipped('cryppo.js') };
}
