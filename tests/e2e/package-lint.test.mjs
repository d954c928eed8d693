/** What publint and "Are the types wrong?" say of the tarball that is published. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';

const path = process.env.VAULTSHARE_TARBALL;
assert.ok(path, 'VAULTSHARE_TARBALL says where the packed package is; cargo xtask test e2e packs one');

describe('the tarball', () => {
  let tarball;

  before(async () => {
    tarball = new Uint8Array(await readFile(path));
  });

  it('is one that publint has nothing to say of', async () => {
    const { messages } = await publint({ pack: { tarball: tarball.buffer }, strict: true });
    assert.deepEqual(messages, []);
  });

  it('has types that are resolved wherever its code is', async () => {
    const { problems } = await checkPackage(createPackageFromTarballData(tarball));
    const known = ({ kind, resolutionKind, entrypoint }) =>
      // `require` takes ES modules in every version that `engines` names.
      (kind === 'CJSResolvesToESM' && resolutionKind === 'node16-cjs') ||
      // The oldest way of TypeScript does not read `exports`, and finds files of JavaScript alone.
      (kind === 'NoResolution' && resolutionKind === 'node10' && entrypoint.endsWith('.wasm'));
    assert.deepEqual(
      problems.filter((problem) => !known(problem)),
      [],
    );
  });
});
