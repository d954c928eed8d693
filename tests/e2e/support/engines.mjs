/**
 * The engines of browsers, each driven by the W3C WebDriver that comes with it: chromedriver, geckodriver, WebKitWebDriver.
 * The variable `VAULTSHARE_ENGINE` says which; WebKit needs a display (`xvfb-run` gives it one).
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BrowsingContext, Builder, LogInspector, ScriptManager } from 'selenium-webdriver';
import { DriverService } from 'selenium-webdriver/remote/index.js';
import { chromiumFlags } from './browser.mjs';
import { startWatchingProxy } from './watching-proxy.mjs';

/** Without animations: what is clicked on stands still. */
const engines = {
  chromium: () => ({
    driver: process.env.CHROMEDRIVER || '/usr/bin/chromedriver',
    capabilities: {
      browserName: 'chrome',
      webSocketUrl: true,
      'goog:chromeOptions': {
        binary: process.env.CHROMIUM || '/usr/bin/chromium',
        args: [...chromiumFlags, '--headless', '--force-prefers-reduced-motion'],
      },
    },
  }),
  firefox: () => ({
    driver: process.env.GECKODRIVER || fileURLToPath(new URL('../../../.tools/bin/geckodriver', import.meta.url)),
    capabilities: {
      browserName: 'firefox',
      webSocketUrl: true,
      'moz:firefoxOptions': {
        binary: process.env.FIREFOX || '/usr/bin/firefox-esr',
        args: ['-headless'],
        prefs: { 'ui.prefersReducedMotion': 1 },
      },
    },
  }),
  webkit: () => ({
    driver: process.env.WEBKITDRIVER || '/usr/bin/WebKitWebDriver',
    capabilities: {
      browserName: 'MiniBrowser',
      'webkitgtk:browserOptions': {
        binary: process.env.MINIBROWSER || '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser',
        args: ['--automation'],
      },
    },
    settings: {
      'settings.ini': '[Settings]\ngtk-enable-animations=0\n',
      // Its tools would keep the window from becoming as narrow as a phone.
      'gtk.css': 'box, button, entry { min-width: 0; margin: 0; padding-left: 0; padding-right: 0 }\n',
    },
  }),
};

/** How long a page may take to load, and a script in it to answer, in milliseconds. */
const patience = 60_000;

/**
 * Starts a driver and a browser with a profile of its own.
 *
 * @param {'chromium' | 'firefox' | 'webkit'} name
 * @returns {Promise<Session>}
 * @typedef {{ driver: import('selenium-webdriver').WebDriver, trouble: string[],
 *   setViewport: (width: number, height: number) => Promise<void>, end: () => Promise<void> }} Session `trouble` grows with
 *   the errors of its pages
 */
export async function startEngine(name) {
  if (!engines[name]) throw new Error(`VAULTSHARE_ENGINE is ${name}; there are ${Object.keys(engines).join(', ')}`);
  const { driver: program, capabilities, settings = {} } = engines[name]();
  const isBidirectional = capabilities.webSocketUrl === true;
  const trouble = [];
  const ending = [];
  const end = async () => {
    for (const step of ending.reverse()) await step();
  };
  const folder = mkdtempSync(join(tmpdir(), 'vaultshare-engine-'));
  ending.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  mkdirSync(join(folder, 'gtk-3.0'));
  for (const [file, text] of Object.entries(settings)) writeFileSync(join(folder, 'gtk-3.0', file), text);
  const log = join(folder, 'log.txt');
  const output = openSync(log, 'a');
  ending.push(() => closeSync(output));
  try {
    if (!isBidirectional) {
      const proxy = await startWatchingProxy((sentence) => trouble.push(sentence));
      ending.push(proxy.close);
      capabilities.proxy = { proxyType: 'manual', httpProxy: proxy.address };
    }
    const service = new DriverService.Builder(program)
      .setLoopback(true)
      .setStdio(['ignore', output, output])
      .setEnvironment({ ...process.env, TMPDIR: folder, XDG_CONFIG_HOME: folder })
      .build();
    ending.push(() => service.kill());
    const builder = new Builder().disableEnvironmentOverrides().usingServer(await service.start());
    const driver = await builder.withCapabilities(capabilities).build();
    ending.push(() => driver.quit().catch(() => {}));
    await driver.manage().setTimeouts({ pageLoad: patience, script: patience });
    if (isBidirectional) await tellOfErrors(driver, (sentence) => trouble.push(sentence));
    return { driver, trouble, setViewport: isBidirectional ? viewportOf(driver) : windowOf(driver), end };
  } catch (error) {
    error.message += `\n${readFileSync(log, 'utf8')}`;
    await end();
    throw error;
  }
}

/** Console errors and uncaught exceptions as the browser tells them, and violations of the policy as the page does. */
async function tellOfErrors(driver, tell) {
  const log = await LogInspector(driver);
  await log.onConsoleEntry((entry) => {
    if (entry.level === 'error') tell(`console error: ${entry.text}`);
  });
  await log.onJavascriptException((entry) => tell(`uncaught exception: ${entry.text}`));
  const script = await ScriptManager(undefined, driver);
  await script.addPreloadScript(`() => {
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      console.error('content security policy violated: ' + violatedDirective + ' by ' + (blockedURI || 'inline code'));
    });
  }`);
}

function viewportOf(driver) {
  return async (width, height) => {
    const context = await BrowsingContext(driver, { browsingContextId: await driver.getWindowHandle() });
    await context.setViewport(width, height);
  };
}

/** The window around the page is as much larger as it happens to be. */
function windowOf(driver) {
  return async (width, height) => {
    const window = driver.manage().window();
    const inner = await driver.executeScript('return [innerWidth, innerHeight]');
    const outer = await window.getRect();
    await window.setRect({ width: width + outer.width - inner[0], height: height + outer.height - inner[1] });
    await driver.wait(() => driver.executeScript('return innerWidth').then((now) => now === width), patience);
  };
}
