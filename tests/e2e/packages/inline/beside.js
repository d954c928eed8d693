// The entry whose files lie beside it, in a bundle that does not take them along.
import init from 'vaultshare';

globalThis.outcomes = undefined;
let failed;
try {
  failed = init().catch(({ name, code, message }) => ({ name, code, message }));
} catch (error) {
  failed = { thrown: String(error) };
}
Promise.resolve(failed).then((outcome) => {
  globalThis.outcomes = outcome;
  if (!globalThis.document) console.log(JSON.stringify(outcome));
});
