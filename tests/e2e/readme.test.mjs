/** The READMEs' snippets, run as they stand: a reader who copies them gets what they promise. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeProject, node } from './support/projects.mjs';
import { startServer } from './support/server.mjs';
import { openTerminal } from './support/terminal.mjs';

const readmes = [
  { file: 'README.md', server: 'http://localhost:8787', prints: 'NotACatDefsACar' },
  { file: 'pkg-template/README.md', server: 'https://vault.example', prints: 'EVF-1234' },
];

describe('the READMEs', () => {
  let data;
  let server;
  let project;

  before(async () => {
    data = await mkdtemp(join(tmpdir(), 'vaultshare-readme-'));
    server = await startServer({ data, www: data });
    project = await makeProject('node');
  });
  after(async () => {
    await project?.remove();
    await server?.stop();
    await rm(data, { recursive: true, force: true });
  });

  for (const { file, server: example, prints } of readmes) {
    it(`show a snippet in ${file} that runs`, async () => {
      const text = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
      const [, snippet] = /```js\n([\s\S]*?)```/.exec(text);
      assert.ok(snippet.includes(example), 'the snippet names its server');
      await writeFile(join(project.folder, 'snippet.mjs'), snippet.replaceAll(example, server.url));
      const { status, output } = await node(project.folder, 'snippet.mjs');
      assert.equal(status, 0, output);
      assert.equal(output.trim().split('\n').at(-1), prints);
    });
  }

  it('show commands in README.md that run', async () => {
    const text = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const [, commands] = /## At a terminal\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(text);
    const terminal = await openTerminal(server.url);
    try {
      assert.match(
        await terminal.shell(commands.replaceAll('http://localhost:8787', server.url)),
        /value: NotACatDefsACar/,
      );
    } finally {
      await terminal.close();
    }
  });
});
