/**
 * A headless Chromium for the tests that need a real page, and a watch on everything in it that should stay silent.
 */
import { chromium } from 'playwright-core';

/** No sandbox because tests often run as root in a container; the rest keeps the browser from calling home. */
export const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

export const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';

/** @param {string[]} more flags beyond the usual */
export function launchBrowser(more = []) {
  return chromium.launch({ executablePath, args: [...flags, ...more] });
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
