/** Registering and signing in with no request more than the protocol needs, and none that waits without a reason. */
import { importKey, open, openText, seal, sealText } from './envelope.mjs';
import { fingerprintOf, generatePair, importPrivate, openToken } from './rsa.mjs';
import { services } from './services.mjs';
import * as srp from './srp.mjs';
import { random, utf8 } from './text.mjs';

const ITERATIONS = 100_000;
const BITCOIN = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

export async function signIn(url, secret, passphrase) {
  const [, username, groups] = secret.split('.');
  const derived = derive(groups, passphrase);
  const { keystore, vault, tokens } = services(url);
  tokens.keystore = await login(keystore, username, derived.password);

  const wrappedKek = keystore('GET', '/key_encryption_key');
  const { keypair } = await keystore('GET', '/keypairs/external_id/auth');
  const opening = vault('POST', '/session', { public_key: keypair.public_key });
  const { serialized_key_encryption_key } = (await wrappedKek).key_encryption_key;
  const kekBytes = await open(await derived.key, serialized_key_encryption_key, 'vs1/kek');
  const kek = await importKey(kekBytes);
  const loginPlace = `vs1/login/${await fingerprintOf(keypair.public_key)}`;
  const privateKey = await openText(kek, keypair.encrypted_serialized_key, loginPlace).then(importPrivate);
  tokens.vault = await openToken(privateKey, (await opening).session.encrypted_session_authentication_string);

  const { user } = await vault('GET', '/me');
  const { data_encryption_key } = await keystore('GET', `/data_encryption_keys/${user.private_dek_external_id}`);
  const dekBytes = await open(kek, data_encryption_key.serialized_data_encryption_key, 'vs1/dek');
  const dek = await importKey(dekBytes);
  return {
    userId: user.id,
    tokens,
    rawKeys: [kekBytes, dekBytes],
    keystore,
    vault,
    kek,
    dek,
    keyPairs: new Map(),
    shareKeys: new Map(),
    recipients: new Map(),
    fingerprints: new Map(),
    verifiers: new Map(),
  };
}

export async function createUser(url, passphrase) {
  const groups = base58(random(32))
    .match(/.{1,6}/g)
    .join('-');
  const derived = derive(groups, passphrase);
  const { keystore, vault, tokens } = services(url);
  const makingPair = generatePair();
  const { username } = await keystore('POST', '/srp/username', {});
  await keystore('POST', '/srp/users', await srp.registration(username, await derived.password));
  tokens.keystore = await login(keystore, username, derived.password);

  const [kekBytes, dekBytes] = [random(32), random(32)];
  const kek = await importKey(kekBytes);
  const storeDek = async () => {
    const stored = await keystore('POST', '/data_encryption_keys', {
      serialized_data_encryption_key: await seal(kek, dekBytes, 'vs1/dek'),
    });
    return stored.data_encryption_key.id;
  };
  const storePair = async (pair) => {
    const encrypted_serialized_key = await sealText(kek, pair.privatePem, `vs1/login/${pair.fingerprint}`);
    await keystore('POST', '/keypairs', {
      public_key: pair.publicPem,
      encrypted_serialized_key,
      external_identifiers: ['auth'],
    });
  };
  // What a key is under comes before it, and all before the user: cut off anywhere, this can be gone through again.
  const serialized_key_encryption_key = await seal(await derived.key, kekBytes, 'vs1/kek');
  await keystore('POST', '/key_encryption_key', { serialized_key_encryption_key });
  const [private_dek_external_id, dek, [pair, { external_admission_token: admission }]] = await Promise.all([
    storeDek(),
    importKey(dekBytes),
    makingPair.then((made) =>
      Promise.all([storePair(made).then(() => made), keystore('GET', '/external_admission_tokens')]),
    ),
  ]);
  const admission_token = admission.vault_api_admission_token;
  const { user, ...created } = await vault('POST', '/me', { public_key: pair.publicPem, admission_token });
  tokens.vault = await openToken(pair.privateKey, created.encrypted_session_authentication_string);
  await vault('PUT', '/me', { user: { private_dek_external_id } });
  return { secret: `1.${username}.${groups}`, userId: user.id, keystore, vault, kek, dek };
}

/** Proves the password, which may still be on its way. */
async function login(keystore, username, password) {
  const attempt = srp.begin();
  const { challenge } = await keystore('POST', '/srp/challenges', { username, srp_a: attempt.srp_a });
  const srp_m = await srp.prove(attempt, username, await password, challenge);
  const { session } = await keystore('POST', '/srp/session', { username, srp_a: attempt.srp_a, srp_m });
  return session.session_authentication_string;
}

/** Both at once, and neither awaited. */
function derive(groups, passphrase) {
  const key = groups.replaceAll('-', '');
  const material = crypto.subtle.importKey('raw', utf8(passphrase), 'PBKDF2', false, ['deriveBits']);
  const stretch = async (salt) => {
    const algorithm = { name: 'PBKDF2', hash: 'SHA-256', salt: utf8(salt), iterations: ITERATIONS };
    return new Uint8Array(await crypto.subtle.deriveBits(algorithm, await material, 256));
  };
  return { password: stretch([...key].reverse().join('')), key: stretch(key).then(importKey) };
}

function base58(bytes) {
  let text = '';
  for (let rest = BigInt(`0x${bytes.toHex()}`); rest > 0n; rest /= 58n) text = BITCOIN[Number(rest % 58n)] + text;
  for (const byte of bytes) {
    if (byte !== 0) break;
    text = BITCOIN[0] + text;
  }
  return text;
}
