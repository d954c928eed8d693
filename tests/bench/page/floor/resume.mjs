/** A session that is kept in the browser and resumed: one record of IndexedDB, two HMACs, one request. */
import { importKey, openText, seal, sealText } from './envelope.mjs';
import { services } from './services.mjs';
import { fromBase64url, joined, random, unpadded, utf8 } from './text.mjs';

const NAME = 'floor-sessions';

export async function remember(url, alice) {
  const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256', length: 256 }, false, ['sign']);
  const { half } = await alice.keystore('PUT', '/session/half', {
    half: unpadded(random(32)),
  });
  const { tokens, userId } = alice;
  const [kek, dek] = alice.rawKeys.map((bytes) => bytes.toBase64());
  const keys = JSON.stringify({ userId, kek, dek, token: tokens.vault });
  const record = {
    key,
    token: await sealText(await tokenKey(key, url), tokens.keystore, 'vs1/session-token'),
    keys: await seal(await keysKey(key, url, half), utf8(keys), 'vs1/session-keys'),
  };
  await inStore('readwrite', (store) => store.put(record, 'alice'));
}

export async function resume(url) {
  const { key, ...record } = await inStore('readonly', (store) => store.get('alice'));
  const { keystore, vault, tokens } = services(url);
  tokens.keystore = await openText(await tokenKey(key, url), record.token, 'vs1/session-token');
  const { half } = await keystore('GET', '/session/half');
  const keys = JSON.parse(await openText(await keysKey(key, url, half), record.keys, 'vs1/session-keys'));
  tokens.vault = keys.token;
  const [kek, dek] = await Promise.all([keys.kek, keys.dek].map((raw) => importKey(Uint8Array.fromBase64(raw))));
  return { userId: keys.userId, keystore, vault, kek, dek };
}

const tokenKey = (key, url) => derived(key, text('session-token', url));
const keysKey = (key, url, half) => derived(key, joined(text('session-keys', url), fromBase64url(half)));

async function derived(key, bytes) {
  return importKey(await crypto.subtle.sign('HMAC', key, bytes));
}

function text(label, url) {
  return joined([0xff], utf8(`vs1/${label}\0${url}/vault${url}/keystore`));
}

async function inStore(mode, use) {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(NAME);
  const database = await outcome(opening);
  try {
    return await outcome(use(database.transaction(NAME, mode).objectStore(NAME)));
  } finally {
    database.close();
  }
}

function outcome(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
