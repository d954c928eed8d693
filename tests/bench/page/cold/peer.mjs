import * as sdk from '@meeco/sdk';
import { report } from './report.mjs';

report(async ({ url, bob, shareId }) => {
  sdk.configureFetch(fetch.bind(globalThis));
  const environment = new sdk.Environment({
    vault: { url: `${url}/vault`, subscription_key: 'bench' },
    keystore: { url: `${url}/keystore`, subscription_key: 'bench', provider_api_key: '' },
  });
  const user = await new sdk.UserService(environment).getAuthData(bob.passphrase, bob.secret);
  const { slots } = await new sdk.ShareService(environment).getSharedItemIncoming(user, shareId);
  return slots.map(({ name, value }) => ({ name, value }));
});
