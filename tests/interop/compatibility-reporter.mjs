// A reporter for Node's test runner that writes docs/compatibility.md from what passed.

import { basename } from 'node:path';

import { clients, libraries, steps } from './compatibility.mjs';

export default async function* report(source) {
  const suites = new Map(); // file → the suite under way
  const passed = new Map(); // suite and test → whether it passed
  const files = new Map(); // file → how many passed, of how many
  for await (const { type, data } of source) {
    const file = basename(data.file ?? '');
    if (type === 'test:start' && data.nesting === 0) suites.set(file, data.name);
    if ((type !== 'test:pass' && type !== 'test:fail') || data.details?.type === 'suite') continue;
    passed.set(key(suites.get(file), data.name), type === 'test:pass');
    const [good, all] = files.get(file) ?? [0, 0];
    files.set(file, [good + (type === 'test:pass'), all + 1]);
  }

  const outcomeOf = (shown) => {
    if (typeof shown === 'string') return `— ${shown}`;
    const results = shown.map(([suite, test]) => passed.get(key(suite, test)));
    if (results.includes(undefined)) return '**unexplained**: no such test ran';
    return results.includes(false) ? '**failed**' : 'passed';
  };
  yield '# Other people’s clients\n\nWhat programs that nobody here wrote do with our server, and with what ours wrote, as the last\n' +
    '`cargo xtask test interop` found it. The run writes this page. A step is passed when the tests behind it were; where\nthere is none, the reason stands in its place.\n';
  for (const { client, outcomes, remarks = [] } of clients) {
    yield `\n## ${client}\n\n| step | outcome |\n|---|---|\n`;
    for (const [at, step] of steps.entries()) yield `| ${step} | ${outcomeOf(outcomes[at] ?? [[client, step]])} |\n`;
    for (const remark of remarks) yield `\n${remark}\n`;
  }
  yield '\n## Libraries\n\n| what | tests passed |\n|---|---|\n';
  for (const [what, file] of libraries) {
    const [good, all] = files.get(file) ?? [0, 0];
    yield `| ${what} | ${all === 0 ? '**unexplained**: no test ran' : good === all ? `all ${all}` : `**${good} of ${all}**`} |\n`;
  }
}

const key = (suite, test) => JSON.stringify([suite, test]);
