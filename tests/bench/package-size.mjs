/** How much the package costs the page that loads it: the bytes of its code as a server sends them. */
import { readFile, readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/**
 * @param {string} folder the built npm package
 * @returns {Promise<{ wasm_gz: number, js_gz: number }>}
 */
export async function packageSize(folder) {
  const size = { '.wasm': 0, '.js': 0 };
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const kind = extname(entry.name);
    if (!entry.isFile() || !(kind in size)) continue;
    size[kind] += gzipSync(await readFile(join(entry.parentPath ?? entry.path, entry.name)), { level: 9 }).length;
  }
  return { wasm_gz: size['.wasm'], js_gz: size['.js'] };
}
