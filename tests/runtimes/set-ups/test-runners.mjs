/** What runs an app's tests, and what it has in the place of a page. */
import { outcomeIn } from '../support/world.mjs';

const vitest = (environment) => ({
  runs: `in \`${environment}\``,
  outcome: (world) => world.outcomeOf('vitest', ['run', '--environment', environment]),
});
const jestProgram = (world, test) => [world.tool('jest/bin/jest.js'), '--watchman=false', test];
const jest = (world, environment, test = 'story.test.js') =>
  world.attempt('node', ['--experimental-vm-modules', ...jestProgram(world, test), '--env', environment]);
const jestRuns = (environment) => ({
  runs: `in \`${environment}\``,
  outcome: async (world) => outcomeIn((await jest(world, environment)).output),
});

export const testRunners = [
  {
    name: 'Vitest',
    tool: 'vitest',
    project: 'vitest',
    readme: 'Vitest',
    rows: [vitest('node'), vitest('jsdom'), vitest('happy-dom')],
  },
  {
    name: 'Jest',
    tool: 'jest',
    project: 'jest',
    readme: 'Jest',
    settings: [
      ['node --experimental-vm-modules', undefined],
      ['jest-fixed-jsdom', undefined],
    ],
    rows: [
      jestRuns('node'),
      jestRuns('jest-fixed-jsdom'),
      jestRuns('@happy-dom/jest-environment'),
      {
        runs: 'in `node`, by `require`',
        outcome: async (world) => outcomeIn((await jest(world, 'node', 'require.test.cjs')).output),
      },
      {
        fails: 'in `jsdom`, as Jest brings it',
        error:
          "VaultError INVALID_ARGUMENT: TextDecoder and TextEncoder must be there before vaultshare is imported: with Jest's jsdom, take the environment jest-fixed-jsdom",
        set: '`jest-fixed-jsdom`',
        outcome: async (world) => outcomeIn((await jest(world, 'jsdom')).output),
      },
      {
        fails: 'without `--experimental-vm-modules`',
        error: 'Must use import to load ES Module: …/story.test.js',
        set: '`node --experimental-vm-modules`',
        outcome: async (world) => {
          const { output } = await world.attempt('node', jestProgram(world, 'story.test.js'));
          return { error: lineOf(output, /Must use import/) };
        },
      },
    ],
  },
];

/** The line of a program's output that says what went wrong. */
function lineOf(output, pattern) {
  return (output.split('\n').find((line) => pattern.test(line)) ?? output).trim();
}
