/** `docs/runtimes.md`, written when all of the matrix ran. */
import { writeFile } from 'node:fs/promises';

export async function writeReport({ results, seconds, chromium }) {
  const date = new Date().toISOString().slice(0, 10);
  const text = [
    '# Where the package runs',
    '',
    'Written by `cargo xtask test runtimes`. Each set-up is a project of `tests/runtimes/projects/`: it has the packed package',
    'installed, signs a user up at a real server, encrypts an item, reads it back, and decrypts a text from before 2021, for which',
    'the package loads its second module. Settings are those of the [package’s README](../pkg-template/README.md#loading).',
    'A set-up that cannot work fails with exactly the error that stands here.',
    '',
    `Last on ${date}, on ${process.platform} ${process.arch}, with Chromium ${chromium}: ${minutes(seconds)}.`,
  ];
  for (const group of new Set(results.map((result) => result.group))) {
    text.push('', `## ${group}`, '', '| set-up | version | where | result | seconds |', '|---|---|---|---|---:|');
    for (const { name, version, rows } of results.filter((result) => result.group === group)) {
      for (const row of rows) text.push(`| ${name} | ${version} | ${row.what} | ${cell(row.result)} | ${shown(row)} |`);
    }
  }
  await writeFile(new URL('../../../docs/runtimes.md', import.meta.url), `${text.join('\n')}\n`);
}

const shown = ({ seconds }) => seconds?.toFixed(1) ?? '';
const cell = (text) => text.replaceAll('|', '\\|');
const minutes = (seconds) => `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
