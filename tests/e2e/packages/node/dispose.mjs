// Symbol.dispose of a session has to close it: what the bindings put there by themselves would free memory and no more.
import init, { Session } from 'vaultshare';

await init();
let closed = 0;
Session.prototype[Symbol.dispose].call({
  close: () => {
    closed += 1;
  },
});
console.log(closed);
