/**
 * The package wherever JavaScript runs: each set-up is a small project of its own, built and run with the packed package against
 * a real server. What works has to work; what cannot work has to fail with the error that is written beside it.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { launchBrowser } from '../e2e/support/browser.mjs';
import { startServer } from '../e2e/support/server.mjs';
import { browsers } from './set-ups/browsers.mjs';
import { bundlers } from './set-ups/bundlers.mjs';
import { frameworks } from './set-ups/frameworks.mjs';
import { servers } from './set-ups/servers.mjs';
import { testRunners } from './set-ups/test-runners.mjs';
import { within } from './support/programs.mjs';
import { writeReport } from './support/report.mjs';
import { fileOf, openWorkshop, removeWorkshop, versionOf, World } from './support/world.mjs';

const groups = {
  Bundlers: bundlers,
  Frameworks: frameworks,
  'Outside of browsers': servers,
  'Test runners': testRunners,
  'Browsers, without a bundler': browsers,
};

/** Far above what any takes, in seconds: a set-up that hangs is ended and named, and the others still have their turn. */
const limit = 300;

const worked = { read: 'EVF-1234', old: 'BMW' };

/** All of this machine: none of the limits per address. */
const limits = ['sign-ups', 'challenges', 'sessions', 'attempts'].map((of) => `--limits-${of}-per-address=0`);

describe('the package', () => {
  const started = Date.now();
  const results = [];
  let around;
  let data;
  let server;

  before(async () => {
    await openWorkshop();
    data = await mkdtemp(join(tmpdir(), 'vaultshare-runtimes-'));
    server = await startServer({ data, www: data, more: limits });
    around = { url: server.url, browser: await launchBrowser() };
  });
  after(async () => {
    await around?.browser.close();
    await server?.stop();
    await removeWorkshop();
    if (data) await rm(data, { recursive: true, force: true });
    // Part of it says nothing of the rest.
    if (results.every(({ rows }) => rows.every(({ result }) => result))) {
      await writeReport({ results, seconds: (Date.now() - started) / 1000, chromium: around.browser.version() });
    }
  });

  for (const [group, setUps] of Object.entries(groups)) {
    for (const setUp of setUps) results.push(declare(group, setUp));
  }

  /** The tests of one set-up; gives what its rows come to, which is known once they ran. */
  function declare(
    group,
    { name, tool, version, project, readme, settings = [], leavesOut, alsoInReadme = [], prepare, rows },
  ) {
    const noted = { group, name, rows: [] };
    describe(name, () => {
      let world;
      let prepared;

      before(async () => {
        world = new World(around);
        await world.open(project);
        noted.version = tool ? await versionOf(tool) : (await version(world)).trim();
      });
      after(() => world?.close());

      /** A test that is a line of the report. */
      function line(says, what, work) {
        const note = { what };
        noted.rows.push(note);
        it(says, { timeout: 2 * limit * 1000 }, async () => {
          const begun = Date.now();
          note.result = '**failed**';
          note.result = await within(limit, work());
          note.seconds = (Date.now() - begun) / 1000;
        });
      }

      if (prepare) {
        line('builds', 'builds', async () => {
          const building = prepare(world);
          prepared = building.catch(() => {
            throw new Error('it was not built');
          });
          prepared.catch(() => {});
          await building;
          return 'works';
        });
      }
      for (const { runs, fails, error, set, outcome } of rows) {
        if (runs) {
          line(`runs ${runs}`, runs, async () => {
            assert.deepEqual(world.plain(await outcome(world, await prepared)), worked);
            return 'works';
          });
        } else {
          line(`says what to set where it fails ${fails}`, fails, async () => {
            assert.deepEqual(world.plain(await outcome(world, await prepared)), { error });
            return `fails with \`${error}\`; set ${set}`;
          });
        }
      }

      it('is set up as the package’s README says', async () => {
        const page = await readFile(new URL('../../pkg-template/README.md', import.meta.url), 'utf8');
        const sets = page
          .split('\n')
          .map((row) => evenly(row).split(' | '))
          .filter(([who, set]) => set && who.startsWith('| ') && who.includes(readme))
          .map(([, set]) => set);
        const wanted = settings.map(([setting]) => evenly(setting));
        const says = (set) =>
          wanted.length > 0 || leavesOut ? wanted.every((text) => set.includes(text)) : set.startsWith('nothing');
        assert.ok(sets.some(says), `the README's row of ${readme} does not say: ${wanted.join(', ') || 'nothing'}`);
        for (const text of alsoInReadme) assert.ok(evenly(page).includes(evenly(text)), text);
        for (const [setting, file] of settings) {
          if (file) assert.ok(evenly(await fileOf(project, file)).includes(evenly(setting)), `${file}: ${setting}`);
        }
      });
    });
    return noted;
  }
});

/** A text with its spaces and line breaks made alike. */
function evenly(text) {
  return text.replaceAll(/\s+/g, ' ');
}
