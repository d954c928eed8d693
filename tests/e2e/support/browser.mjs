/**
 * A headless browser for the tests that need a real page, and a watch on everything in it that should stay silent: Chromium
 * by Playwright, or the engine that `VAULTSHARE_ENGINE` names by W3C WebDriver, which has what tests for all engines use.
 */
import { chromium } from 'playwright-core';

/** No sandbox because tests often run as root in a container; the rest keeps the browser from calling home. */
export const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

export const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';

/** @param {string[]} more flags beyond the usual, for Chromium by Playwright */
export async function launchBrowser(more = []) {
  if (process.env.VAULTSHARE_ENGINE) {
    const { browserOf } = await import('./webdriver-page.mjs');
    return browserOf(process.env.VAULTSHARE_ENGINE);
  }
  return chromium.launch({ executablePath, args: [...chromiumFlags, ...more] });
}

/** A user's first share looks for the key pair that signs it. Browsers call every 404 an error. */
const isFirstLook = (message) =>
  message.text().includes('404') && message.location().url.endsWith('/keypairs/external_id/vaultshare-author');

/**
 * Collects what a healthy page never shows: console errors, uncaught exceptions, violations of the page's Content
 * Security Policy. Call it before the page navigates.
 * @returns {Promise<string[]>} grows as things go wrong
 */
export async function watchForTrouble(page) {
  if (page.trouble) return page.trouble;
  const trouble = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !isFirstLook(message)) trouble.push(`console error: ${message.text()}`);
  });
  page.on('pageerror', (error) => trouble.push(`uncaught exception: ${error.message}`));
  page.on('crash', () => trouble.push('the page crashed'));
  await page.exposeFunction('__policyViolated', (what) => trouble.push(`content security policy violated: ${what}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      globalThis.__policyViolated(`${event.violatedDirective} by ${event.blockedURI || 'inline code'}`);
    });
  });
  return trouble;
}
