/** The peer's two packages for the browser, each by itself, so that its size is its own. */
import { readFile } from 'node:fs/promises';
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

/**
 * @param {string} folder where `sdk.js` and `cryppo.js` go
 * @returns {Promise<{ sdk: number, cryppo: number }>} their sizes, gzipped, in bytes
 */
export async function bundlePeer(folder) {
  await build({
    entryPoints: { sdk: here('peer/sdk.mjs'), cryppo: here('peer/cryppo.mjs') },
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'esnext',
    define: { global: 'window' },
    inject: [here('peer/globals.mjs')],
    alias: {
      ...Object.fromEntries(Object.entries(replaced).map(([name, instead]) => [name, resolve(instead)])),
      ...Object.fromEntries(absent.map((name) => [name, here('peer/absent.cjs')])),
    },
    logLevel: 'error',
  });
  const gzipped = async (file) => gzipSync(await readFile(join(folder, file)), { level: 9 }).length;
  return { sdk: await gzipped('sdk.js'), cryppo: await gzipped('cryppo.js') };
}
