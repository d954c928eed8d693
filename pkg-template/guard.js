// Stands where the compiled module will be until `init` has put it there, so that whoever forgot to call it is told so
// instead of "undefined is not a function". `errors.js` is generated (`crates/xtask/src/package/assemble.rs`).

import { VaultError } from './errors.js';

export const beforeInit = new Proxy(Object.freeze({}), {
  get() {
    throw new VaultError('INVALID_ARGUMENT', 'vaultshare has not started yet: call init() first and await it');
  },
});
