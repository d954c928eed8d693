/** A Chromium with an extension in it: those have to be there when it starts. */
import { chromium } from 'playwright-core';
import { chromiumFlags, executablePath } from '../../e2e/support/browser.mjs';

/**
 * @param {import('./world.mjs').World} world whose project is the extension; it closes the browser
 * @returns {Promise<{ browser: object, background: object, url: string }>} `background`: its service worker
 */
export async function launchExtension(world) {
  const { folder } = world;
  const browser = await chromium.launchPersistentContext('', {
    executablePath,
    // Playwright's own headless mode is an older one, which knows no extensions.
    headless: false,
    args: [...chromiumFlags, '--headless=new', `--disable-extensions-except=${folder}`, `--load-extension=${folder}`],
  });
  world.onClose(() => browser.close());
  const background = browser.serviceWorkers()[0] ?? (await browser.waitForEvent('serviceworker'));
  return { browser, background, url: `chrome-extension://${new URL(background.url()).host}` };
}
