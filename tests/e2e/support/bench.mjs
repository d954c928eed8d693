/**
 * Everything a browser test needs, made for it alone and gone after it: a server with an empty store, a blank page
 * under the strict Content Security Policy that imports the built package, and a browser to open it in.
 */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchBrowser, watchForTrouble } from './browser.mjs';
import { startRecordingProxy } from './recording-proxy.mjs';
import { startServer } from './server.mjs';

/** The built npm package. */
export const packageFolder =
  process.env.VAULTSHARE_PACKAGE || process.env.PKG || fileURLToPath(new URL('../../../pkg', import.meta.url));

/** The strictest policy under which the module can be compiled at all; the image is the page's empty icon. */
const policy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'";
const blankPage = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><title>Blank</title><link rel="icon" href="data:,"></head><body></body></html>\n`;

/**
 * @param {{ record?: boolean, before?: (page) => Promise<void> }} options with `record`, everything between page and
 *   server is written to `exchanges`; `before` runs before the page loads anything
 */
export async function openBench({ record = false, before } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'vaultshare-e2e-'));
  const closing = [() => rm(folder, { recursive: true, force: true })];
  const close = async () => {
    for (const step of closing.reverse()) await step();
  };
  try {
    const www = join(folder, 'www');
    const data = join(folder, 'data');
    await cp(packageFolder, join(www, 'pkg'), { recursive: true });
    await writeFile(join(www, 'index.html'), blankPage);

    const bench = { close };
    let server = await startServer({ data, www });
    closing.push(() => server.stop());
    bench.url = server.url;
    bench.stopServer = () => server.stop();
    /** On the same address and with the same records, as after a restart by an administrator. */
    bench.restartServer = async () => {
      server = await startServer({ data, www, listen: new URL(server.url).host });
    };

    if (record) {
      const proxy = await startRecordingProxy(server.url);
      closing.push(() => proxy.close());
      bench.url = proxy.url;
      bench.exchanges = proxy.exchanges;
    }

    const browser = await launchBrowser();
    closing.push(() => browser.close());
    const context = await browser.newContext();
    bench.page = await context.newPage();
    bench.trouble = await watchForTrouble(bench.page);
    /** Addresses outside the bench that the page tried to reach: none, ever. */
    bench.strayRequests = [];
    bench.page.on('request', (request) => {
      if (!request.url().startsWith(`${bench.url}/`) && !request.url().startsWith('data:'))
        bench.strayRequests.push(request.url());
    });
    const start = async (page) => {
      await page.goto(`${bench.url}/`);
      await page.evaluate(async () => {
        globalThis.vaultshare = await import('/pkg/index.js');
        await globalThis.vaultshare.default();
        globalThis.services = { vaultUrl: `${location.origin}/vault`, keystoreUrl: `${location.origin}/keystore` };
      });
      return page;
    };
    /** Another page of the same browser. */
    bench.openPage = async () => start(await context.newPage());
    await before?.(bench.page);
    await start(bench.page);
    return bench;
  } catch (error) {
    await close();
    throw error;
  }
}
