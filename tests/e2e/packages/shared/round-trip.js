/**
 * What every project does with the package: forgets `init`, is told so, starts it, and encrypts and decrypts a text; then
 * another one with a key pair and without `crypto.subtle`, for which the package has a second module.
 *
 * @param {typeof import('vaultshare')} vaultshare
 */
export async function roundTrip({ default: init, KeyPair, PublicKey, SymmetricKey, VaultError, isVaultError }) {
  const forgotten = caught(() => SymmetricKey.generate());
  const starting = init();
  const oneStart = starting === init();
  await starting;

  const key = SymmetricKey.generate();
  const envelope = await key.encryptString('Grüße ⚡');
  const text = await key.decryptString(envelope);
  const wrongKey = await SymmetricKey.generate().decryptString(envelope).catch((error) => error);
  key.free();
  return {
    forgotten: forgotten.message,
    oneStart,
    sealed: envelope.startsWith('Aes256Gcm.') && !envelope.includes('Grüße'),
    text,
    wrongKey: wrongKey instanceof VaultError && isVaultError(wrongKey) ? wrongKey.code : `${wrongKey}`,
    withoutSubtle: await withoutSubtle(KeyPair, PublicKey),
  };
}

/** The text that came back, and whether a worker was asked on the way. */
async function withoutSubtle(KeyPair, PublicKey) {
  Object.defineProperty(globalThis.crypto, 'subtle', { value: undefined });
  let inWorker = false;
  if (globalThis.Worker) {
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = function (...given) {
      inWorker = true;
      return postMessage.apply(this, given);
    };
  }
  const pair = await KeyPair.generate(2048);
  const envelope = await PublicKey.import(pair.publicKeyPem).encryptBytes(new TextEncoder().encode('auch so'));
  const text = new TextDecoder().decode(await pair.decryptBytes(envelope));
  pair.free();
  return { text, inWorker };
}

function caught(action) {
  try {
    action();
  } catch (error) {
    return error;
  }
  return new Error('nothing was thrown');
}
