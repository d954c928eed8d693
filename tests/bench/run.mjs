/**
 * The benchmark: our client, the SDK of 2020 and the browser's bare limit at the same work, taking turns in one page.
 *
 *     node tests/bench/run.mjs --url URL --www FOLDER --package FOLDER --out FOLDER [--pairs N] [--smoke] [CASE…]
 *
 * The server at the URL hands out the folder `--www`, in which this puts the peer. `cargo xtask bench` does all that.
 * Prints a table, and writes `report.json` and `report.html` to `--out`; with `--document FILE`, after a run in full, also the
 * page that the documentation holds. A missed bound is told and is no failure; a wrong outcome is.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { launch } from './browser.mjs';
import { bundlePeer } from './bundle.mjs';
import { cases } from './cases.mjs';
import { makeColdPages, measureCold } from './cold-start.mjs';
import { machine } from './machine.mjs';
import { packageSize } from './package-size.mjs';
import { letProfile, profiled } from './profile.mjs';
import { milliseconds } from './report/format.mjs';
import { html } from './report/html.mjs';
import { markdown } from './report/markdown.mjs';
import { table } from './report/table.mjs';
import { resultOf } from './result.mjs';
import { makeScene } from './scene/scene.mjs';
import { sizesFor } from './sizes.mjs';

/** No case takes longer than this, in milliseconds: one that does hangs. */
const PATIENCE = 600_000;
/** The peer takes some forty seconds for each of its turns on a phone. */
const COLD_PATIENCE = 1_800_000;

/** Quick cases go on for so long, in seconds, because their times scatter more; and ours runs so often alone. */
const AMPLE = { warmUp: true, seconds: 5, watched: 3 };
const SCANT = { warmUp: false, seconds: 0, watched: 1 };

const { options, chosen } = readArguments();
const { smoke, pairs } = options;
const started = Date.now();

const peerSize = await bundlePeer(join(options.www, 'peer'));
const sizes = sizesFor({ smoke, pairs, chosen });
const scene = await makeScene({
  url: options.url,
  packageEntry: new URL('node.js', `${pathToFileURL(options.package)}/`),
  sizes,
  note,
});
note('the scene is set');

const browser = await launch(options.url);
const results = [];
let itemBytes;
try {
  for (const withoutSubtle of [false, true]) {
    const wanted = chosen.filter((one) => Boolean(one.withoutSubtle) === withoutSubtle && !one.isCold);
    if (wanted.length > 0) await runIn(await browser.open(!withoutSubtle), wanted);
  }
  const cold = chosen.filter((one) => one.isCold);
  if (cold.length > 0) await makeColdPages(options.www);
  for (const one of cold) {
    const length = { pairs, ...(smoke ? SCANT : AMPLE), slowed: !smoke };
    tell(one, resultOf(one, await inTime(measureCold(browser, one, scene, length), one.name, COLD_PATIENCE)));
  }
} finally {
  await browser.close();
}

const report = {
  cases: results,
  itemBytes,
  size: { ...(await packageSize(options.package)), peer_gz: peerSize.sdk },
  machine: machine(browser.version),
  date: new Date().toISOString(),
  pairs,
  smoke,
};
await mkdir(options.out, { recursive: true });
await writeFile(join(options.out, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
await writeFile(join(options.out, 'report.html'), html(report));
const inFull = !smoke && chosen.length === cases.length;
if (options.document && inFull) await writeFile(options.document, markdown(report));
console.log(`\n${table(results)}`);

async function runIn(page, wanted) {
  await letProfile(page);
  await page.evaluate(async (given) => {
    globalThis.bench = await import('/bench/bench.mjs');
    globalThis.bench.prepare(given);
  }, scene);
  for (const one of wanted) {
    const length = { pairs, ...(smoke ? SCANT : AMPLE) };
    const measuring = page.evaluate(([what, long]) => globalThis.bench.measure(what, long), [one, length]);
    const result = resultOf(one, await inTime(measuring, one.name));
    const watching = profiled(page, () =>
      page.evaluate(([what, long]) => globalThis.bench.watch(what, long), [one, length]),
    );
    tell(one, { ...result, profile: await inTime(watching, one.name) });
  }
  itemBytes ??= await page.evaluate(() => globalThis.bench.itemBytes());
  await page.close();
}

function tell({ name, clients }, result) {
  results.push(result);
  note(`${name}: ${clients.map((client) => `${client} ${milliseconds(result[`${client}_ms`])}`).join(', ')}`);
}

async function inTime(work, name, patience = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} does not end`)), patience);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function note(what) {
  console.error(`  ${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${what}`);
}

function readArguments() {
  const { values, positionals } = parseArgs({
    options: {
      url: { type: 'string' },
      www: { type: 'string' },
      package: { type: 'string' },
      out: { type: 'string' },
      document: { type: 'string' },
      pairs: { type: 'string' },
      smoke: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  for (const name of ['url', 'www', 'package', 'out']) {
    if (!values[name]) stop(`--${name} is missing`);
  }
  const pairs = values.pairs === undefined ? (values.smoke ? 1 : 9) : Number(values.pairs);
  if (!Number.isInteger(pairs) || pairs < 1) stop('--pairs takes a number of at least 1');
  const unknown = positionals.find((name) => !cases.some((one) => one.name === name));
  if (unknown !== undefined) stop(`there is no case ${unknown}; there are ${cases.map(({ name }) => name).join(', ')}`);
  const chosen = cases.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  return { options: { ...values, pairs }, chosen };
}

function stop(message) {
  console.error(message);
  process.exit(2);
}
