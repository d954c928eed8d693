/**
 * One large file, from the disk into the Vault and from there to the disk, by our client and by bare calls, in turns: how
 * long it takes, and how much memory the page and the server have meanwhile.
 *
 *     node tests/bench/large-file.mjs --url URL --server-pid N --document FILE --picture FILE [--mebibytes N] [--rounds N]
 *
 * The server at the URL hands out what `cargo xtask bench` puts together. Reads the memory of processes from `/proc`, so that it
 * needs Linux.
 */
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { launchBrowser } from '../e2e/support/browser.mjs';
import { machine } from './machine.mjs';
import { curve } from './report/curve.mjs';
import { median } from './statistics.mjs';

const MEBIBYTE = 1024 * 1024;
/** Between two looks at the memory, in milliseconds. */
const INTERVAL = 100;
/** What tells the page's process from others, in bytes. */
const BALLAST = 256 * MEBIBYTE;
/** How much more memory than idle the page may take, in bytes, and how many times the floor each way. */
const BOUNDS = { memory: 64 * MEBIBYTE, floor: 1.3 };

const { values: options } = parseArgs({
  options: {
    url: { type: 'string' },
    'server-pid': { type: 'string' },
    document: { type: 'string' },
    picture: { type: 'string' },
    mebibytes: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '3' },
  },
});
for (const name of ['url', 'server-pid', 'document', 'picture']) {
  if (!options[name]) throw new Error(`--${name} is missing`);
}
const size = Number(options.mebibytes) * MEBIBYTE;

const folder = await mkdtemp(join(tmpdir(), 'vaultshare-large-file-'));
const browser = await launchBrowser(['--js-flags=--expose-gc']);
try {
  const file = join(folder, 'large.bin');
  await writeRandom(file, size);
  const page = await (await browser.newContext({ bypassCSP: true })).newPage();
  await page.goto(`${options.url}/`);
  await page.setContent('<input type="file">');
  await page.locator('input').setInputFiles(file);
  await page.evaluate(async (url) => {
    globalThis.large = await (await import('/bench/large-file.mjs')).prepare(url);
  }, options.url);
  const renderer = await pageProcess(page);

  const times = { 'attach ours': [], 'attach floor': [], 'read ours': [], 'read floor': [] };
  const curves = {};
  const idle = await idleMemory(page, renderer);
  for (let round = 0; round < Number(options.rounds); round += 1) {
    for (const work of Object.keys(times)) {
      const [what, client] = work.split(' ');
      const watched = await watch(renderer, () =>
        page.evaluate(([one, by]) => globalThis.large[by][one](), [what, client]),
      );
      times[work].push(watched.result);
      if (client === 'ours') curves[what] ??= watched.samples;
      console.error(`  ${work}: ${(watched.result / 1000).toFixed(1)} s`);
      await idleMemory(page, renderer);
    }
  }
  if (!(await page.evaluate(() => globalThis.large.isSame())))
    throw new Error('what was read is not what was attached');
  await writeFile(options.picture, curve(curves, idle, BOUNDS.memory));
  await writeFile(options.document, document({ times, curves, idle }));
} finally {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
}

/** Random bytes of a mebibyte, each time with another beginning: no two chunks are alike, and nothing compresses them. */
async function writeRandom(path, length) {
  const handle = await open(path, 'w');
  const block = crypto.getRandomValues(new Uint8Array(65_536));
  const mebibyte = Buffer.concat(Array.from({ length: 16 }, () => block));
  for (let at = 0; at < length; at += MEBIBYTE) {
    mebibyte.writeUInt32BE(at / MEBIBYTE);
    await handle.write(mebibyte);
  }
  await handle.close();
}

/** The process that the page has to itself: the one that grows when the page does. */
async function pageProcess(page) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
  const before = await Promise.all(renderers.map(memoryOf));
  await page.evaluate((length) => {
    globalThis.ballast = new Uint8Array(length).fill(1);
  }, BALLAST);
  const after = await Promise.all(renderers.map(memoryOf));
  await page.evaluate(() => {
    delete globalThis.ballast;
  });
  const grown = renderers.filter((_, index) => after[index] - before[index] > BALLAST / 2);
  if (grown.length !== 1) throw new Error('the process of the page was not found');
  return grown[0];
}

/** What the process alone has in memory, in bytes. */
async function memoryOf(pid) {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = ['Private_Clean', 'Private_Dirty'].map((name) =>
    Number(RegExp(`${name}:\\s+(\\d+) kB`).exec(rollup)[1]),
  );
  return kilobytes.reduce((sum, part) => sum + part, 0) * 1024;
}

async function idleMemory(page, renderer) {
  await page.evaluate(() => globalThis.gc());
  await new Promise((resolve) => {
    setTimeout(resolve, 1000);
  });
  return { page: await memoryOf(renderer), server: await memoryOf(options['server-pid']) };
}

async function watch(renderer, work) {
  const samples = [];
  const started = performance.now();
  let isOver = false;
  const looking = (async () => {
    while (!isOver) {
      const [page, server] = await Promise.all([memoryOf(renderer), memoryOf(options['server-pid'])]);
      samples.push({ at: performance.now() - started, page, server });
      await new Promise((resolve) => {
        setTimeout(resolve, INTERVAL);
      });
    }
  })();
  try {
    return { result: await work(), samples };
  } finally {
    isOver = true;
    await looking;
  }
}

function document({ times, curves, idle }) {
  const seconds = (work) => (median(times[work]) / 1000).toFixed(1);
  const peak = (what, whose) => Math.max(...curves[what].map((sample) => sample[whose])) - idle[whose];
  const mebibytes = (bytes) => `${Math.round(bytes / MEBIBYTE)} MiB`;
  const row = (what, title) => {
    const ratio = median(times[`${what} ours`]) / median(times[`${what} floor`]);
    const missed = [
      ratio > BOUNDS.floor && `wanted ≤ ${BOUNDS.floor} × the floor`,
      peak(what, 'page') > BOUNDS.memory && `wanted ≤ ${mebibytes(BOUNDS.memory)} in the page`,
    ].filter(Boolean);
    const cells = [
      title,
      `${seconds(`${what} ours`)} s`,
      `${seconds(`${what} floor`)} s`,
      `${ratio.toFixed(2)} ×`,
      mebibytes(peak(what, 'page')),
      mebibytes(peak(what, 'server')),
      missed.join(', ') || 'met',
    ];
    return `| ${cells.join(' | ')} |`;
  };
  return `# A large file

Written by \`cargo xtask bench files\`: ${mebibytes(size)} of random bytes go from the disk into the Vault and come back to the disk
(the page's own folder in it, by the stream that \`attachment.open()\` gives), in turns with a floor that does the same by bare
\`crypto.subtle\` and \`fetch\`. Medians of ${options.rounds} rounds. Memory is what a process alone has, above what it had
idle, at its highest. ${machine(browser.version())}. ${new Date().toISOString().slice(0, 10)}.

| | ours | floor | ours ÷ floor | page | server | |
|---|---:|---:|---:|---:|---:|---|
${row('attach', 'attach')}
${row('read', 'read')}

![The memory of page and server while the file goes up and comes down](large-file.svg)
`;
}
