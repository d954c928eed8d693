/**
 * What every project does with the package: forgets `init`, is told so, starts it, and encrypts and decrypts a text.
 *
 * @param {typeof import('vaultshare')} vaultshare
 */
export async function roundTrip({ default: init, SymmetricKey, VaultError, isVaultError }) {
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
  };
}

function caught(action) {
  try {
    action();
  } catch (error) {
    return error;
  }
  return new Error('nothing was thrown');
}
