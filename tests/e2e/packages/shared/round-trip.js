/**
 * What every project does with the package: forgets `init`, is told so, starts it, and encrypts and decrypts a text; decrypts
 * one from before 2021, and one with a key pair and without `crypto.subtle`, for both of which the package has a second module.
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
  const wrongKey = await SymmetricKey.generate()
    .decryptString(envelope)
    .catch((error) => error);
  key.free();
  const old = await SymmetricKey.import('AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=').decryptString(yamlEnvelope);
  return {
    forgotten: forgotten.message,
    oneStart,
    sealed: envelope.startsWith('Aes256Gcm.') && !envelope.includes('Grüße'),
    text,
    old,
    wrongKey: wrongKey instanceof VaultError && isVaultError(wrongKey) ? wrongKey.code : `${wrongKey}`,
    withoutSubtle: await withoutSubtle(KeyPair, PublicKey),
  };
}

/** `BMW`, with artefacts in YAML: the vector of docs/protocol/envelopes.md. */
const yamlEnvelope =
  'Aes256Gcm.RZue.LS0tCml2OiAhYmluYXJ5IHwtCiAgQWdJQ0FnSUNBZ0lDQWdJQwphdDogIWJpbmFyeSB8LQogIEx2ckEvcWFCSlJMV1VRTWFRcDhRQ0E9PQphZDogbm9uZQo=';

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
