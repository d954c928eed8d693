// What the browser keeps from one page to the next: what sessions remember, and sessions that are to be resumed.

/** A database each, the one store in it, and what the locks' names begin with. */
const MEMORY = 'vaultshare-memory';
const SESSIONS = 'vaultshare-sessions';

/** How long a page waits for another, which the browser may have suspended, and for the disk. In milliseconds. */
const PATIENCE = 2000;

/** How far apart two writes of memory are at least. In milliseconds. */
const MOMENT = 1000;

/** What takes a second longer, in characters: they are encrypted on the page's thread. */
const LONG = 1_000_000;

/** The browser's own store; undefined where there is none, or nothing that keeps two pages apart. */
export function deviceMemory() {
  return hasDatabases() && globalThis.navigator?.locks ? { update: replace } : undefined;
}

/** A key that only this browser has, and never shows: not even to this page. */
export async function newKey() {
  return crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256', length: 256 }, false, ['sign']);
}

export async function authenticate(key, text) {
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, text));
}

/** Whether there is a place for sessions, and for a key that is not shown. */
export function canKeepSessions() {
  return hasDatabases() && Boolean(globalThis.crypto?.subtle);
}

/** Keeps `{ services, user, key, token, keys }` under this name; gives what it replaces, in an array. */
export async function keepSession(name, session) {
  return inTime(
    changed(SESSIONS, (store) => {
      const replaced = [];
      const found = store.get(name);
      found.onsuccess = () => {
        if (found.result) replaced.push(found.result);
        store.put(session, name);
      };
      return replaced;
    }),
  );
}

/** Undefined where none has this name, and where there is no place for any. */
export async function findSession(name) {
  if (!canKeepSessions()) return undefined;
  return inTime(withDatabase(SESSIONS, (database) => stored(database, SESSIONS, name)));
}

/** Only the session with this token: another page may have put another in its place. */
export async function forgetSession(name, token) {
  return inTime(
    changed(SESSIONS, (store) => {
      const found = store.get(name);
      found.onsuccess = () => {
        if (found.result?.token === token) store.delete(name);
      };
    }),
  );
}

/** All of one user, whatever their names; gives them. */
export async function forgetSessionsOf(services, user) {
  if (!canKeepSessions()) return [];
  return inTime(
    changed(SESSIONS, (store) => {
      const forgotten = [];
      const cursors = store.openCursor();
      cursors.onsuccess = () => {
        const cursor = cursors.result;
        if (!cursor) return;
        if (cursor.value.services === services && cursor.value.user === user) {
          forgotten.push(cursor.value);
          cursor.delete();
        }
        cursor.continue();
      };
      return forgotten;
    }),
  );
}

function hasDatabases() {
  try {
    return Boolean(globalThis.indexedDB);
  } catch {
    // Where the user forbids it, asking is enough for some browsers to throw.
    return false;
  }
}

/** Whoever waits for a disk that does not answer keeps nobody waiting. */
function inTime(work) {
  return Promise.race([work, late(AbortSignal.timeout(PATIENCE))]);
}

function late(signal) {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** As a promise, also where the store throws. */
export async function update(store, name, merge) {
  await store.update(name, merge);
}

async function replace(name, merge) {
  const signal = AbortSignal.timeout(PATIENCE);
  await navigator.locks.request(`${MEMORY} ${name}`, { signal }, () =>
    Promise.race([replaceNow(name, merge), late(signal)]),
  );
}

function replaceNow(name, merge) {
  return withDatabase(MEMORY, async (database) => {
    const memory = await merge(await stored(database, MEMORY, name));
    await committed(database, MEMORY, (store) => store.put(memory, name));
  });
}

async function withDatabase(name, use) {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(name);
  const database = await outcome(request);
  try {
    return await use(database);
  } finally {
    database.close();
  }
}

function stored(database, store, name) {
  return outcome(database.transaction(store).objectStore(store).get(name));
}

function outcome(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function changed(name, change) {
  return withDatabase(name, (database) => committed(database, name, change));
}

/** What `change` gives, once it is kept and not before: a disk may be found full when a transaction ends. */
function committed(database, name, change) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(name, 'readwrite');
    const result = change(transaction.objectStore(name));
    transaction.oncomplete = () => resolve(result);
    transaction.onabort = () => reject(transaction.error);
  });
}

/**
 * Resolves a moment later, which is longer after a long text, or when the page is hidden, from where it may not come back, or
 * when the signal fires.
 */
export function moment(length, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, MOMENT * (1 + length / LONG));
    globalThis.document?.addEventListener('visibilitychange', resolve, { once: true, signal });
    const giveUp = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', giveUp, { once: true });
  });
}
