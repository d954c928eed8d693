/** The command line, in a folder of its own that goes when the test ends. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program =
  process.env.VAULTSHARE_CLI || fileURLToPath(new URL('../../../target/debug/vaultshare', import.meta.url));
const PATH = `${dirname(resolve(program))}${delimiter}${process.env.PATH}`;

/** @param {string} url where the server is */
export async function openTerminal(url) {
  const folder = await mkdtemp(join(tmpdir(), 'vaultshare-terminal-'));
  const place = ['--vault-url', `${url}/vault`, '--keystore-url', `${url}/keystore`];
  return {
    /** Runs a command and gives what it prints; one that fails rejects with what it says. */
    run: async (...words) => (await promisify(execFile)(program, [...place, ...words], { cwd: folder })).stdout,
    /** Runs lines as a shell does that finds the program by its name, up to the first failure. */
    shell: async (lines) =>
      (
        await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', lines], {
          cwd: folder,
          env: { ...process.env, PATH },
        })
      ).stdout,
    read: (name) => readFile(join(folder, name), 'utf8'),
    write: (name, text) => writeFile(join(folder, name), text, { mode: 0o600 }),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
