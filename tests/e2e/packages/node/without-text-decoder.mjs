// As in a test runner whose page is jsdom, which brings neither.
delete globalThis.TextDecoder;
delete globalThis.TextEncoder;

const { default: init, isVaultError } = await import('vaultshare');
const error = await init().catch((reason) => reason);
console.log(JSON.stringify({ isVaultError: isVaultError(error), code: error.code, message: error.message }));
