// As Cloudflare's own tool does it: one script, and each WebAssembly module that it imports beside it, compiled by the runtime.
import { copyFile, mkdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { build } from 'esbuild';

const compiledModules = {
  name: 'compiled modules',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /\.wasm$/ }, async ({ path, pluginData, ...where }) => {
      if (pluginData === 'found') return undefined;
      const found = await resolve(path, { ...where, pluginData: 'found' });
      await copyFile(found.path, `dist/${basename(found.path)}`);
      return { path: `./${basename(found.path)}`, external: true };
    });
  },
};
await mkdir('dist');
await build({
  entryPoints: ['worker.js', 'inline-worker.js'],
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  conditions: ['workerd', 'worker', 'browser'],
  plugins: [compiledModules],
  logLevel: 'error',
});
