/** The package's types: complete, strict, and telling the truth about what is there. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeProject, node, tool } from './support/projects.mjs';
import { startServer } from './support/server.mjs';

describe('the types of the package', () => {
  let types;
  let nodeProject;
  let declarations;
  let data;
  let server;

  before(async () => {
    data = await mkdtemp(join(tmpdir(), 'vaultshare-types-'));
    server = await startServer({ data, www: data });
    types = await makeProject('types');
    nodeProject = await makeProject('node');
    declarations = await readFile(join(types.folder, 'node_modules/vaultshare/index.d.ts'), 'utf8');
  });
  after(async () => {
    await types?.remove();
    await nodeProject?.remove();
    await server?.stop();
    await rm(data, { recursive: true, force: true });
  });

  for (const config of ['tsconfig.bundler.json', 'tsconfig.nodenext.json', 'tsconfig.without-dom.json']) {
    it(`accept a use of every method (${config})`, async () => {
      const { status, output } = await node(types.folder, tool('typescript/bin/tsc'), '--project', config);
      assert.equal(status, 0, output);
    });
  }

  it('list the error codes that the crate has, and explain each', async () => {
    const rust = await readFile(new URL('../../src/error.rs', import.meta.url), 'utf8');
    const spellings = [...rust.matchAll(/ErrorCode::\w+ => "([A-Z_]+)"/g)].map(([, spelling]) => spelling);
    const variants = /pub const ALL: \[ErrorCode; (\d+)\]/.exec(rust)[1];
    assert.equal(spellings.length, Number(variants), 'the spellings in src/error.rs were not all found');

    const union = /export type ErrorCode =([^;]+);/.exec(declarations)[1];
    assert.deepEqual(
      [...union.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code),
      spellings,
    );
    const explanation = declarations.slice(
      declarations.indexOf('What kind of failure it was. These are stable'),
      declarations.indexOf('export type ErrorCode'),
    );
    for (const spelling of spellings)
      assert.ok(explanation.includes(`\`${spelling}\``), `${spelling} is not explained`);
  });

  it('name exactly the methods and properties that there are', async () => {
    const { status, output } = await node(nodeProject.folder, 'members.mjs', server.url);
    assert.equal(status, 0, output);
    const there = JSON.parse(output);
    const types = [...declarations.matchAll(/^ {2}readonly \w+: ([A-Z]\w+);$/gm)]
      .map(([, type]) => type)
      .filter((type) => type !== 'ErrorCode');
    assert.deepEqual(
      Object.keys(there).sort(),
      ['KeyPair', 'PublicKey', 'Session', 'SymmetricKey', 'VaultClient', ...types].sort(),
    );
    const declared = Object.fromEntries(Object.keys(there).map((name) => [name, membersOf(declarations, name)]));
    assert.deepEqual(declared, there);
  });
});

/** The members that a class or interface declares: those are the lines indented by two. */
function membersOf(declarations, name) {
  const start = new RegExp(`^export (class|interface) ${name} \\{$`, 'm').exec(declarations);
  assert.ok(start, `${name} is not declared`);
  const body = declarations.slice(start.index, declarations.indexOf('\n}', start.index));
  const members = [...body.matchAll(/^ {2}(?:static )?(?:readonly )?([a-zA-Z]\w*)\??[(:]/gm)].map(
    ([, member]) => member,
  );
  return members.filter((member) => !['constructor', 'free'].includes(member)).sort();
}
