// What a project compiles that names neither the DOM nor `ESNext.Disposable`.
import init, { type ModuleSource, SymmetricKey, type VaultClient, VaultError } from 'vaultshare';
import inline from 'vaultshare/inline';
import module from 'vaultshare/vaultshare_bg.wasm';

export async function use(client: VaultClient): Promise<string> {
  const source: ModuleSource = module;
  await init({ module: source, onDemandModule: new Uint8Array(3) });
  await inline();
  using session = await client.signIn('secret', 'passphrase', { until: new Date() });
  using key = SymmetricKey.generate();
  const error: VaultError = VaultError.from(new VaultError('NETWORK', 'no connection').toJSON());
  return session.userId + key.export() + error.code;
}
