/** The package, installed from its tarball, in a Node.js project. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeProject, node, roundTripOutcome } from './support/projects.mjs';
import { serveFolder } from './support/static-server.mjs';

const exportedNames = [
  'Attachment',
  'KeyPair',
  'PublicKey',
  'Session',
  'SymmetricKey',
  'VaultClient',
  'VaultError',
  'decryptWithPassphrase',
  'default',
  'isVaultError',
  'qrCode',
];

describe('the package in Node.js', () => {
  let project;
  let server;

  before(async () => {
    project = await makeProject('node');
    server = await serveFolder(join(project.folder, 'node_modules/vaultshare'));
  });
  after(async () => {
    await server?.close();
    await project?.remove();
  });

  /** The one line of JSON that a script of the project prints. */
  async function answerOf(...script) {
    const { status, output } = await node(project.folder, ...script);
    assert.equal(status, 0, output);
    return JSON.parse(output);
  }

  it('contains what is needed and nothing else', async () => {
    const files = await readdir(join(project.folder, 'node_modules/vaultshare'));
    assert.deepEqual(files.sort(), [
      'CHANGELOG.md',
      'LICENSE-APACHE',
      'LICENSE-MIT',
      'README.md',
      'THIRD-PARTY-NOTICES',
      'classes.js',
      'errors.js',
      'files.js',
      'guard.js',
      'imports.js',
      'index.d.ts',
      'index.js',
      'inline.d.ts',
      'inline.js',
      'instantiate.js',
      'node.js',
      'on-demand-module.js',
      'on-demand-worker.js',
      'on-demand.js',
      'on_demand_bg.js',
      'on_demand_bg.wasm',
      'on_demand_inline.js',
      'package.json',
      'platform.js',
      'snippets',
      'start.js',
      'vaultshare_bg.js',
      'vaultshare_bg.wasm',
      'vaultshare_inline.js',
      'wasm.d.ts',
    ]);
  });

  it('exports its interface and does nothing on import', async () => {
    assert.deepEqual(await answerOf('import-only.mjs'), { exported: exportedNames, reached: [], globalsAdded: 0 });
  });

  it('is imported where the platform is incomplete, and says what is missing', async () => {
    const { message, ...error } = await answerOf('without-text-decoder.mjs');
    assert.deepEqual(error, { isVaultError: true, code: 'INVALID_ARGUMENT' });
    assert.match(message, /^TextDecoder and TextEncoder must be there before vaultshare is imported/);
  });

  it('says what was forgotten before init(), starts once, encrypts and decrypts', async () => {
    const { forgotten, ...rest } = await answerOf('round-trip.mjs');
    assert.match(forgotten, /call init\(\) first/);
    assert.deepEqual(rest, roundTripOutcome({ inWorker: false }));
  });

  const sources = [
    'nothing',
    'file URL',
    'file URL as text',
    'http URL',
    'http URL as text',
    'Request',
    'Response',
    'Uint8Array',
    'ArrayBuffer',
    'Module',
  ];
  for (const kind of sources) {
    it(`starts from ${kind}`, async () => {
      assert.equal(await answerOf('sources.mjs', kind, `${server.url}/`), 44);
    });
  }

  it('starts from both modules by name', async () => {
    assert.deepEqual(await answerOf('by-name.mjs'), { misspelt: 'INVALID_ARGUMENT', drawn: true });
  });

  it('starts from a server that does not know the type of the file', async () => {
    const folder = join(project.folder, 'node_modules/vaultshare');
    const ignorant = await serveFolder(folder, { contentTypes: { '.wasm': 'application/octet-stream' } });
    try {
      assert.equal(await answerOf('sources.mjs', 'http URL', `${ignorant.url}/`), 44);
    } finally {
      await ignorant.close();
    }
  });

  it('tells each failed load by its code, and can be started after it', async () => {
    const { failures, guarded, thenWorks } = await answerOf('failures.mjs', `${server.url}/`);
    assert.deepEqual(failures, {
      'not there': ['BAD_RESPONSE', 404],
      'no server': ['NETWORK', null],
      'not a module': ['INTERNAL', null],
      'no source at all': ['INVALID_ARGUMENT', null],
    });
    assert.match(guarded, /call init\(\) first/);
    assert.equal(thenWorks, 44);
  });

  it('closes a session that is disposed of', async () => {
    assert.equal(await answerOf('dispose.mjs'), 1);
  });
});
