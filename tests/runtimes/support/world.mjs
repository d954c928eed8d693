/** What a set-up has while it is tried: a project with the package installed, the tools, a browser. All of it ends with it. */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { watchForTrouble } from '../../e2e/support/browser.mjs';
import { freePort } from '../../e2e/support/free-port.mjs';
import { installPackage } from '../../e2e/support/projects.mjs';
import { serveFolder } from '../../e2e/support/static-server.mjs';
import { answers, Program, within } from './programs.mjs';

const here = fileURLToPath(new URL('..', import.meta.url));
const tools = join(here, 'node_modules');
// Below this folder, so that the projects find its tools; they install nothing but the package itself.
const workshop = join(here, 'work');

/** A newer Node.js than the tests need, which most tools ask for; where npm has none for a system, its own has to be new enough. */
const packaged = join(tools, `node-${process.platform}-${process.arch}`, 'bin/node');
export const newerNode = existsSync(packaged) ? packaged : process.execPath;

/** Without what Node's test runner sets for its own children, and with nothing that calls home. */
const { CI: _, FORCE_COLOR: __, NODE_OPTIONS: ___, NODE_TEST_CONTEXT: ____, ...inherited } = process.env;
const environment = {
  ...inherited,
  ASTRO_TELEMETRY_DISABLED: '1',
  DENO_NO_UPDATE_CHECK: '1',
  DO_NOT_TRACK: '1',
  NEXT_TELEMETRY_DISABLED: '1',
  NG_CLI_ANALYTICS: 'false',
  NO_COLOR: '1',
  NUXT_TELEMETRY_DISABLED: '1',
  PATH: [dirname(newerNode), join(tools, '.bin'), process.env.PATH].join(delimiter),
};

/** Installs the package once; the projects get copies. */
export async function openWorkshop() {
  await rm(workshop, { recursive: true, force: true });
  const folder = join(workshop, 'installed');
  await mkdir(folder, { recursive: true });
  // Without it npm would install into the next folder above that has one.
  await writeFile(join(folder, 'package.json'), '{}');
  await installPackage(folder);
}

export function removeWorkshop() {
  return rm(workshop, { recursive: true, force: true });
}

/** The version of a tool, as it is installed. */
export async function versionOf(name) {
  return JSON.parse(await readFile(join(tools, name, 'package.json'), 'utf8')).version;
}

/** A file of a project as it is in this repository. */
export function fileOf(project, name) {
  const folder = name.startsWith('common/') ? 'projects' : `projects/${project}`;
  return readFile(join(here, folder, name), 'utf8');
}

export class World {
  #closing = [];
  #closed = false;

  /** @param {{ url: string, browser: import('playwright-core').Browser }} given the server, and a Chromium for all */
  constructor({ url, browser }) {
    Object.assign(this, { url, browser });
  }

  /** Makes the project. */
  async open(project) {
    this.folder = await mkdtemp(join(workshop, `${project}-`));
    this.onClose(() => rm(this.folder, { recursive: true, force: true, maxRetries: 5 }));
    await cp(join(here, 'projects/common'), join(this.folder, 'common'), { recursive: true });
    await cp(join(here, 'projects', project), this.folder, { recursive: true });
    await cp(join(workshop, 'installed/node_modules'), join(this.folder, 'node_modules'), { recursive: true });
  }

  /** A script of one of the tools, for a Node.js of one's own. */
  tool(path) {
    return join(tools, path);
  }

  onClose(step) {
    this.#closing.push(step);
  }

  async close() {
    this.#closed = true;
    const failed = [];
    for (const step of this.#closing.reverse()) await within(30, step()).catch((error) => failed.push(error));
    if (failed.length > 0) throw new AggregateError(failed, failed.map((error) => error.message).join('; '));
  }

  /** A file of the project. */
  path(name) {
    return join(this.folder, name);
  }

  #start(program, args, { env = {}, cwd = this.folder } = {}) {
    // Its time was up, and what it waited for has come to an end all the same.
    if (this.#closed) throw new Error('this set-up is closed');
    const started = new Program(program, args, {
      cwd,
      env: { ...environment, VAULTSHARE_SERVER_URL: this.url, ...env },
    });
    this.onClose(async () => {
      started.end();
      await started.ended;
    });
    return started;
  }

  /** Runs one of the tools, or a program by its path, to its end; gives what it printed. */
  async run(program, args, options) {
    const { status, output } = await this.attempt(program, args, options);
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${abridged(output)}`);
    return output;
  }

  /** As `run`, for what may fail. */
  async attempt(program, args, options) {
    const started = this.#start(program, args, options);
    const status = await started.ended;
    return { status, output: started.output };
  }

  /** What the project's script says that came of it. */
  async outcomeOf(program, args, options) {
    return outcomeIn(await this.run(program, args, options));
  }

  /** Starts a server; gives its address once it answers. `args` takes the port that it is to listen on. */
  async serve(program, args, options) {
    const port = String(await freePort());
    const started = this.#start(program, args(port), typeof options === 'function' ? options(port) : options);
    const url = `http://127.0.0.1:${port}`;
    await answers(url, started);
    return url;
  }

  /** Serves a folder of the project as it is. */
  async serveFolder(name, options) {
    const server = await serveFolder(this.path(name), options);
    this.onClose(() => server.close());
    return server.url;
  }

  /** What a page says that came of it. It may say nothing else: no error on the console, none that nobody caught. */
  async outcomeInPage(address, { expectedTrouble = [], browser = this.browser } = {}) {
    const page = await browser.newPage();
    this.onClose(() => page.close().catch(() => {}));
    const trouble = await watchForTrouble(page);
    await page.goto(`${address}${address.includes('?') ? '&' : '?'}server=${encodeURIComponent(this.url)}`);
    while (!(await page.evaluate(() => globalThis.outcome))) {
      const other = trouble.filter((line) => !expectedTrouble.some((expected) => line.includes(expected)));
      if (other.length > 0) throw new Error(`the page came to no end: ${other.join('; ')}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
    }
    const outcome = await page.evaluate(() => globalThis.outcome);
    await page.close();
    const unexpected = trouble.filter((line) => !expectedTrouble.some((expected) => line.includes(expected)));
    if (unexpected.length > 0) throw new Error(`${JSON.stringify(outcome)}, but: ${unexpected.join('; ')}`);
    return outcome;
  }

  /** What a server's answer says that came of it. */
  async outcomeAt(url) {
    const response = await fetch(url);
    return outcomeIn(await response.text());
  }

  /** The outcome without what differs from one run to the next. */
  plain(outcome) {
    const text = JSON.stringify(outcome);
    return JSON.parse(
      text
        .replaceAll(this.folder, '…')
        .replaceAll(/(127\.0\.0\.1|localhost):\d+/g, '$1')
        .replaceAll(/\.[0-9a-f]{8}\.wasm/g, '.….wasm'),
    );
  }
}

/** The beginning and the end: some tools print all that they know. */
function abridged(text) {
  return text.length <= 4000 ? text : `${text.slice(0, 2000)}\n…\n${text.slice(-2000)}`;
}

/** What `told` of `projects/common/tell.js` wrote into a text. */
export function outcomeIn(text) {
  const [, told] = /outcome:([^;\s]+);/.exec(text) ?? [];
  if (told === undefined) throw new Error(`it does not say what came of it:\n${abridged(text)}`);
  return JSON.parse(decodeURIComponent(told));
}
