import init, { VaultClient } from '../../pkg/index.js';
import { report } from './report.mjs';

report(async ({ url, bob, shareId }) => {
  await init();
  // Making key pairs ahead of need is for a page that has come to rest.
  const services = { vaultUrl: `${url}/vault`, keystoreUrl: `${url}/keystore`, prepareKeyPairs: false };
  const session = await new VaultClient(services).signIn(bob.secret, bob.passphrase);
  const { item } = await session.shares.get(shareId);
  return item.slots.map(({ name, value }) => ({ name, value }));
});
