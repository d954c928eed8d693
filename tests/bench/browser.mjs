/** The one Chromium of a run, and its two pages: with `crypto.subtle`, and without it as on plain http. */
import { launchBrowser } from '../e2e/support/browser.mjs';

/** So that no turn pays for the garbage of the one before. */
const COLLECTABLE = '--js-flags=--expose-gc';

/** @returns {Promise<{ open: (withSubtle: boolean) => Promise<import('playwright-core').Page>, openFresh: () => Promise<import('playwright-core').Page>, version: string, close: () => Promise<void> }>} */
export async function launch(url) {
  const browser = await launchBrowser([COLLECTABLE]);
  // The server's policy for pages would forbid what the peer's libraries do to find the global object.
  const context = await browser.newContext({ bypassCSP: true });
  return {
    version: browser.version(),
    close: () => browser.close(),
    /** A page that nothing was loaded into before, also no other page's cache. */
    async openFresh() {
      return (await browser.newContext({ bypassCSP: true })).newPage();
    },
    async open(withSubtle) {
      const page = await context.newPage();
      if (!withSubtle) {
        await page.addInitScript(() => {
          Object.defineProperty(Crypto.prototype, 'subtle', { get: () => undefined });
        });
      }
      await page.goto(`${url}/`);
      return page;
    },
  };
}
