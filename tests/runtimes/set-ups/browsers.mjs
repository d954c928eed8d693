/** Chromium's own kinds of threads, and its extensions, without any bundler. */
import { readFile, writeFile } from 'node:fs/promises';
import { launchExtension } from '../support/extension.mjs';

/** As the package's README has it. */
const policy = (world) => ({
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src data:; " +
    `connect-src 'self' ${world.url}; base-uri 'none'; form-action 'none'`,
});
const inPage = async (world, kind) => {
  const url = await world.serveFolder('.', { headers: policy(world) });
  return world.outcomeInPage(`${url}/?in=${encodeURIComponent(kind)}`);
};

/** What a page of the extension, and its service worker, say. */
async function inExtension(world, { inBackground, withPolicy = true }) {
  if (!withPolicy) {
    const { content_security_policy: _, ...rest } = JSON.parse(await readFile(world.path('manifest.json'), 'utf8'));
    await writeFile(world.path('manifest.json'), JSON.stringify(rest));
  }
  const extension = await launchExtension(world);
  if (inBackground) return extension.background.evaluate((url) => globalThis.story(url), world.url);
  const expectedTrouble = withPolicy ? [] : ['content security policy violated: script-src by wasm-eval'];
  return world.outcomeInPage(`${extension.url}/page.html`, { browser: extension.browser, expectedTrouble });
}

export const browsers = [
  {
    name: 'Chromium',
    version: (world) => world.browser.version(),
    project: 'browser',
    readme: 'service workers',
    alsoInReadme: ["script-src 'self' 'wasm-unsafe-eval'"],
    rows: [
      { runs: 'in a page', outcome: (world) => inPage(world, 'page') },
      { runs: 'in a module worker', outcome: (world) => inPage(world, 'module worker') },
      { runs: 'in a shared worker', outcome: (world) => inPage(world, 'shared worker') },
      { runs: 'in a service worker', outcome: (world) => inPage(world, 'service worker') },
    ],
  },
  {
    name: 'an extension (Manifest V3)',
    version: (world) => world.browser.version(),
    project: 'extension',
    readme: 'an extension (Manifest V3)',
    settings: [[`"extension_pages": "script-src 'self' 'wasm-unsafe-eval'"`, 'manifest.json']],
    rows: [
      { runs: 'in a page of it', outcome: (world) => inExtension(world, { inBackground: false }) },
      { runs: 'in its service worker', outcome: (world) => inExtension(world, { inBackground: true }) },
      {
        fails: 'without the policy',
        error:
          "VaultError INTERNAL: the WebAssembly module could not be started: WebAssembly.instantiateStreaming(): Compiling or instantiating WebAssembly module violates the following Content Security policy directive because neither 'wasm-eval' nor 'unsafe-eval' is an allowed source of script in the following Content Security Policy directive: \"script-src 'self'\".",
        set: `\`"extension_pages": "script-src 'self' 'wasm-unsafe-eval'"\``,
        outcome: (world) => inExtension(world, { inBackground: false, withPolicy: false }),
      },
    ],
  },
];
