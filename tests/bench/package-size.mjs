/** How much the package costs the page that loads it: the bytes of its code as a server sends them. */
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** What only a page without `crypto.subtle` loads. */
const SECOND_MODULE = ['on_demand_bg.wasm', 'on-demand-worker.js'];

/** What no page loads that imports the package by its name: Node.js alone, and the entry that has both modules within. */
const OTHER_ENTRIES = ['node.js', 'inline.js', 'vaultshare_inline.js', 'on_demand_inline.js'];

/**
 * @param {string} folder the built npm package
 * @returns {Promise<{ wasm_gz: number, js_gz: number, second_module_gz: number }>} the first two are loaded by every page
 */
export async function packageSize(folder) {
  const size = { '.wasm': 0, '.js': 0, second: 0 };
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const kind = SECOND_MODULE.includes(entry.name) ? 'second' : extname(entry.name);
    if (!entry.isFile() || OTHER_ENTRIES.includes(entry.name) || !(kind in size)) continue;
    size[kind] += gzipSync(await readFile(join(entry.parentPath ?? entry.path, entry.name)), { level: 9 }).length;
  }
  return { wasm_gz: size['.wasm'], js_gz: size['.js'], second_module_gz: size.second };
}
