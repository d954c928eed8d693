/** The one Chromium of a run, and its two pages: with `crypto.subtle`, and without it as on plain http. */
import { chromium } from 'playwright-core';

const FLAGS = [
  // Tests often run as root in a container, where there is no sandbox; the rest keeps the browser from calling home.
  '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--no-first-run',
  // So that no turn pays for the garbage of the one before.
  '--js-flags=--expose-gc',
];

/** @returns {Promise<{ open: (withSubtle: boolean) => Promise<import('playwright-core').Page>, version: string, close: () => Promise<void> }>} */
export async function launch(url) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: FLAGS });
  // The server's policy for pages would forbid what the peer's libraries do to find the global object.
  const context = await browser.newContext({ bypassCSP: true });
  return {
    version: browser.version(),
    close: () => browser.close(),
    async open(withSubtle) {
      const page = await context.newPage();
      page.on('crash', () => { console.error('the page crashed'); });
      if (!withSubtle) {
        await page.addInitScript(() => { Object.defineProperty(Crypto.prototype, 'subtle', { get: () => undefined }); });
      }
      await page.goto(`${url}/`);
      return page;
    },
  };
}
