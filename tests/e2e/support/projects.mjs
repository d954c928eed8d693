/**
 * Tiny projects that use the package as anybody would: it is packed as npm publishes it and installed from the tarball.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const templates = join(root, 'tests/e2e/packages');
const packageFolder = process.env.VAULTSHARE_PACKAGE || join(root, 'pkg');
// Below the repository, so that the projects find its bundlers; they install nothing but the package itself.
const workshop = join(root, 'target/e2e/projects');

/**
 * Copies `tests/e2e/packages/<name>`, and what all projects share, to a folder of its own and installs the package.
 *
 * @returns {Promise<{ folder: string, remove: () => Promise<void> }>}
 */
export async function makeProject(name) {
  await mkdir(workshop, { recursive: true });
  const folder = await mkdtemp(join(workshop, `${name}-`));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await cp(join(templates, 'shared'), folder, { recursive: true });
    await cp(join(templates, name), folder, { recursive: true });
    await installPackage(folder);
    return { folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Installs the package as npm publishes it. */
export async function installPackage(folder) {
  const tarball = process.env.VAULTSHARE_TARBALL || (await pack(folder));
  await npm(folder, ['install', '--no-audit', '--no-fund', '--no-save', '--no-package-lock', tarball]);
}

/** What `shared/round-trip.js` comes to, but for what it says before `init()`. */
export function roundTripOutcome({ inWorker }) {
  return {
    oneStart: true,
    sealed: true,
    text: 'Grüße ⚡',
    old: 'BMW',
    wrongKey: 'DECRYPTION_FAILED',
    withoutSubtle: { text: 'auch so', inWorker },
  };
}

/**
 * Runs a program to its end.
 *
 * @returns {Promise<{ status: number, output: string }>} its exit status and all that it printed
 */
export async function run(program, args, folder) {
  try {
    const { stdout, stderr } = await execute(program, args, { cwd: folder, env: environment() });
    return { status: 0, output: stdout + stderr };
  } catch (error) {
    if (typeof error.code !== 'number') throw error;
    return { status: error.code, output: error.stdout + error.stderr };
  }
}

/** Runs a script with this very Node.js. */
export function node(folder, ...args) {
  return run(process.execPath, args, folder);
}

/** A program from the repository's own `node_modules`. */
export function tool(path) {
  return join(root, 'node_modules', path);
}

async function pack(folder) {
  await npm(packageFolder, ['pack', '--silent', '--pack-destination', folder]);
  const name = (await readdir(folder)).find((file) => file.endsWith('.tgz'));
  return join(folder, name);
}

async function npm(folder, args) {
  const { status, output } = await run('npm', args, folder);
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${output}`);
}

/** Without what Node's test runner sets for its own children, which would change what these print. */
function environment() {
  const { NODE_TEST_CONTEXT: _, ...rest } = process.env;
  return rest;
}
