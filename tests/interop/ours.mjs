// The built npm package, loaded as a user of Node would.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Where `cargo xtask build --package-only` puts the package; `cargo xtask test interop` says so itself. */
const folder = process.env.VAULTSHARE_PACKAGE ?? new URL('../../pkg', import.meta.url).pathname;

const package_ = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
const entry = package_.exports['.'].node;
const vaultshare = await import(new URL(entry, `${pathToFileURL(folder)}/`));
await vaultshare.default();

export const { decryptWithPassphrase, isVaultError, KeyPair, PublicKey, SymmetricKey, VaultClient } = vaultshare;

/** The text of a file in `tests/fixtures`. */
export function fixture(name) {
  return readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
}

/** Compares bytes whatever array carries them; a difference in a megabyte is not printed. */
export function sameBytes(actual, expected) {
  assert.ok(Buffer.from(actual).equals(Buffer.from(expected)), `${start(actual)} is not ${start(expected)}`);
}

function start(bytes) {
  return `${bytes.length} bytes ${Buffer.from(bytes).subarray(0, 24).toString('hex')}…`;
}

/** For `assert.rejects`: an error of ours with this code. */
export function withCode(code) {
  return (error) => {
    assert.ok(isVaultError(error), `${error} is not ours`);
    assert.equal(error.code, code);
    return true;
  };
}
