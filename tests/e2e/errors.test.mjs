/** What a developer has of a `VaultError` besides its code: where it was called, and a way to another thread. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { packageFolder, vaultshare } from './support/in-node.mjs';

const { isVaultError, SymmetricKey, VaultError } = vaultshare;

describe('a VaultError', () => {
  before(() => vaultshare.default());

  async function readNonsense() {
    const key = SymmetricKey.generate();
    try {
      return await key.decryptString('nonsense');
    } finally {
      key.free();
    }
  }

  it('says in its stack who called, and nothing of the compiled code', async () => {
    const error = await readNonsense().catch((caught) => caught);
    assert.equal(error.code, 'MALFORMED_ENVELOPE');
    const [first, ...frames] = error.stack.split('\n');
    assert.equal(first, `VaultError: ${error.message}`);
    assert.match(frames[0], /readNonsense .*errors\.test\.mjs/);
    assert.ok(!error.stack.includes('wasm'), error.stack);
  });

  it('comes out of another thread as it was', async () => {
    const index = pathToFileURL(join(packageFolder, 'node.js')).href;
    const code = `
      import { parentPort } from 'node:worker_threads';
      const { default: init, SymmetricKey } = await import(${JSON.stringify(index)});
      await init();
      SymmetricKey.generate().decryptString('nonsense').catch((error) => parentPort.postMessage({ error, json: error.toJSON() }));
    `;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
    const [{ error, json }] = await once(worker, 'message');
    await worker.terminate();
    assert.equal(error.code, undefined, 'which the structured clone by itself does not');
    const made = VaultError.from(json);
    assert.ok(isVaultError(made) && made instanceof VaultError);
    assert.equal(made.code, 'MALFORMED_ENVELOPE');
    assert.equal(made.message, error.message);
    const refused = new VaultError('RATE_LIMITED', 'slow down', 429, 'too_many_requests');
    assert.deepEqual(VaultError.from(JSON.parse(JSON.stringify(refused))), refused);
  });
});
