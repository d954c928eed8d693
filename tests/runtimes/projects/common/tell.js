/**
 * What every project does with the package: starts it, signs a user up, keeps an item and reads it back; and decrypts a text from
 * before 2021, for which the package has a second module.
 *
 * @returns {Promise<{ read: string, old: string } | { error: string }>}
 */
export async function tell({ init, SymmetricKey, VaultClient }, url, source) {
  try {
    await init(source);
    const client = new VaultClient({
      vaultUrl: `${url}/vault`,
      keystoreUrl: `${url}/keystore`,
      prepareKeyPairs: false,
    });
    const session = await client.createUser('supersecretpassword');
    const slots = { licence_plate: 'EVF-1234' };
    const { id } = await session.items.create({ template: 'vehicle', label: 'DeLorean', slots });
    const item = await session.items.get(id);
    const key = SymmetricKey.import('AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=');
    const outcome = { read: item.value('licence_plate'), old: await key.decryptString(yamlEnvelope) };
    session.close();
    return outcome;
  } catch (error) {
    const cause = error.cause?.message ?? '';
    return {
      error: `${error.name} ${error.code}: ${error.message}${error.message.includes(cause) ? '' : ` (${cause})`}`,
    };
  }
}

/** `BMW`, with artefacts in YAML: the vector of docs/protocol/envelopes.md. */
const yamlEnvelope =
  'Aes256Gcm.RZue.LS0tCml2OiAhYmluYXJ5IHwtCiAgQWdJQ0FnSUNBZ0lDQWdJQwphdDogIWJpbmFyeSB8LQogIEx2ckEvcWFCSlJMV1VRTWFRcDhRQ0E9PQphZDogbm9uZQo=';

/** An outcome as a text that stays as it is in HTML, on a console, and in between. */
export function told(outcome) {
  return `outcome:${encodeURIComponent(JSON.stringify(outcome)).replaceAll("'", '%27')};`;
}

/** In a page: where the server is. The test that opened it reads what is left here. */
export async function showIn(page, story) {
  page.outcome = await story(new URLSearchParams(page.location.search).get('server'));
}
