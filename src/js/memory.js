// What sessions remember, kept in the browser for the next ones.

/** The database, the one store in it, and what the locks' names begin with. */
const NAME = 'vaultshare-memory';

/** How long a page waits for another, which the browser may have suspended, and for the disk. In milliseconds. */
const PATIENCE = 2000;

/** How far apart two writes are at least. In milliseconds. */
const MOMENT = 1000;

/** What takes a second longer, in characters: they are encrypted on the page's thread. */
const LONG = 1_000_000;

/** The browser's own store; undefined where there is none, or nothing that keeps two pages apart. */
export function deviceMemory() {
  try {
    const { indexedDB, navigator } = globalThis;
    return indexedDB && navigator?.locks ? { update: replace } : undefined;
  } catch {
    // Where the user forbids it, asking is enough for some browsers to throw.
    return undefined;
  }
}

/** As a promise, also where the store throws. */
export async function update(store, name, merge) {
  await store.update(name, merge);
}

async function replace(name, merge) {
  const signal = AbortSignal.timeout(PATIENCE);
  await navigator.locks.request(`${NAME} ${name}`, { signal }, () => {
    const late = new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    // Whoever waits for a disk that does not answer keeps no other page waiting.
    return Promise.race([replaceNow(name, merge), late]);
  });
}

async function replaceNow(name, merge) {
  const database = await open();
  try {
    const stored = await outcome(database.transaction(NAME).objectStore(NAME).get(name));
    await put(database, name, await merge(stored));
  } finally {
    database.close();
  }
}

function open() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(NAME);
  return outcome(request);
}

function outcome(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Resolves once it is kept, and not before: a disk may be found full when a transaction ends. */
function put(database, name, memory) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(NAME, 'readwrite');
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
    transaction.objectStore(NAME).put(memory, name);
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
