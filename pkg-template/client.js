// What a program sees of a client and its sessions. The methods are written here and not in Rust because each one that the
// compiled module exports costs the page twenty times as many bytes: here they give their arguments names and hand them
// over as JSON, to one function that knows the methods by theirs.

import { Session as OpenSession, VaultClient as CompiledClient } from './vaultshare_bg.js';
import { VaultError } from './errors.js';

/** The way in: registers users and signs them in. */
export class VaultClient {
  #client;

  constructor(options) {
    const { vaultUrl, keystoreUrl, subscriptionKey, timeoutMs, retries, prepareKeyPairs, fetch } = objectOf(options);
    const send = fetch ?? globalThis.fetch;
    if (typeof send !== 'function') throw invalid('`fetch` must be a function; there is no global one here');
    // Only where that does not hold up the page: in the browser's own code, or in a worker.
    const prepares = globalThis.crypto?.subtle || globalThis.Worker ? prepareKeyPairs : false;
    const given = { vaultUrl, keystoreUrl, subscriptionKey, timeoutMs, retries, prepareKeyPairs: prepares };
    this.#client = new CompiledClient(asJson(given), send);
  }

  newSecret(options) {
    return call(this.#client, 'newSecret', {}, options);
  }

  async createUser(passphrase, options) {
    return new Session(await call(this.#client, 'createUser', { passphrase, secret: options?.secret }, options));
  }

  async signIn(secret, passphrase, options) {
    return new Session(await call(this.#client, 'signIn', { secret, passphrase }, options));
  }
}

/** A signed-in user. */
export class Session {
  #session;

  constructor(session) {
    if (!(session instanceof OpenSession)) throw invalid('a session comes from createUser() or signIn()');
    this.#session = session;
    const callSession = (method, given, options) => call(session, method, given, options);
    for (const [name, part] of Object.entries(parts)) {
      Object.defineProperty(this, name, { value: part(callSession), enumerable: true });
    }
  }

  get secret() {
    return this.#session.secret;
  }

  get userId() {
    return this.#session.userId;
  }

  async signOut(options) {
    await call(this.#session, 'signOut', {}, options);
    this.close();
  }

  endOtherSessions(options) {
    return call(this.#session, 'endOtherSessions', {}, options);
  }

  close() {
    this.#session.close();
  }

  static {
    // For `using session = …`, where there is that.
    if (Symbol.dispose) {
      Object.defineProperty(this.prototype, Symbol.dispose, {
        value() { this.close(); },
        configurable: true,
        writable: true,
      });
    }
  }
}

const parts = {
  templates: (call) => ({
    list: (filter, page) => callList(call, 'templates.list', { filter }, page),
    get: (nameOrId, options) => call('templates.get', { nameOrId }, options),
    create: (template, options) => call('templates.create', { template }, options),
  }),

  items: (call) => ({
    create: (item, options) => call('items.create', { item }, options).then(withValue),
    list: (filter, page) => callList(call, 'items.list', { filter }, page),
    get: (id, options) => call('items.get', { id }, options).then(withValue),
    async getMany(ids, options) {
      const portions = await call('items.getMany', { ids }, options);
      return portions.flat().map((entry) => (entry.item ? withItem(entry) : { id: entry.id, error: errorOf(entry.error) }));
    },
    update: (id, change, options) => call('items.update', { id, change }, options).then(withItem),
    reencrypt: (id, options) => call('items.reencrypt', { id }, options).then(withValue),
    removeSlot: (slotId, options) => call('items.removeSlot', { slotId }, options),
    delete: (id, options) => call('items.delete', { id }, options),
  }),

  invitations: (call) => ({
    create: (invitation, options) => call('invitations.create', { invitation }, options),
    list: (page) => callList(call, 'invitations.list', {}, page),
    cancel: (id, options) => call('invitations.cancel', { id }, options),
  }),

  connections: (call) => ({
    accept(invitation, details, options) {
      const { token, id } = typeof invitation === 'string' ? { token: invitation } : (invitation ?? {});
      const { name, keypairId } = details ?? {};
      return call('connections.accept', { token, invitationId: id, name, keypairId }, options);
    },
    list: (page) => callList(call, 'connections.list', {}, page),
    get: (id, options) => call('connections.get', { id }, options),
    delete: (id, options) => call('connections.delete', { id }, options),
  }),

  shares: (call) => ({
    create: async (share, options) => call('shares.create', { share: withInstant(share) }, options),
    incoming: (filter, page) => callList(call, 'shares.incoming', { filter }, page),
    outgoing: (filter, page) => callList(call, 'shares.outgoing', { filter }, page),
    get: (id, options) => call('shares.get', { id }, options).then(withItem),
    info: (id, options) => call('shares.info', { id }, options),
    accept: (id, options) => call('shares.accept', { id }, options),
    change: async (id, change, options) => call('shares.change', { id, change: withInstant(change) }, options),
    delete: (id, options) => call('shares.delete', { id }, options),
    refresh: (itemId, options) => call('shares.refresh', { itemId }, options),
  }),

  classifications: (call) => ({
    list: (filter, page) => callList(call, 'classifications.list', { filter }, page),
    get: (id, options) => call('classifications.get', { id }, options),
    create: (node, options) => call('classifications.create', { node }, options),
  }),

  tasks: (call) => ({
    list: (filter, page) => callList(call, 'tasks.list', { filter }, page),
    count: (options) => call('tasks.count', {}, options),
    async run(options) {
      const { completed, failed } = await call('tasks.run', { selection: { limit: options?.limit } }, options);
      return { completed, failed: failed.map((task) => ({ ...task, reason: errorOf(task.reason) })) };
    },
  }),

  encryptionSpaces: (call) => ({
    share: async (share, options) => call('encryptionSpaces.share', { share: withInstant(share) }, options),
    list: (direction, page) => callList(call, 'encryptionSpaces.list', { direction }, page),
    get: (id, options) => call('encryptionSpaces.get', { id }, options).then(withItem),
    // To the server it is a share like any other.
    delete: (id, options) => call('shares.delete', { id }, options),
  }),
};

/** Calls a method that gives a page of a list: of its options, a signal and a listener are no arguments. */
async function callList(call, method, given, options) {
  const { perPage, after, all } = objectOf(options);
  return call(method, { ...given, page: { perPage, after, all } }, options);
}

/** Calls a method of compiled code. Whatever is wrong with the arguments rejects the promise. */
async function call(compiled, method, given, options) {
  const { signal, onProgress } = objectOf(options);
  if (signal != null && !(signal instanceof AbortSignal)) throw invalid('`signal` must be an AbortSignal');
  if (onProgress != null && typeof onProgress !== 'function') throw invalid('`onProgress` must be a function');
  if (signal?.aborted) throw new VaultError('ABORTED', 'the call was aborted');
  const report = onProgress && ((phase, done, total) => { onProgress({ phase, done, total }); });
  return compiled.call(method, asJson(given), signal ?? undefined, report ?? undefined);
}

/** Options, or none. */
function objectOf(options) {
  if (options != null && typeof options !== 'object') throw invalid('the options must be an object');
  return options ?? {};
}

function asJson(given) {
  try {
    return JSON.stringify(given, plain);
  } catch (error) {
    throw error instanceof VaultError ? error : invalid('the arguments must be plain data');
  }
}

/** A field's value, as long as JSON has it: what it would write as something else, or leave out, is refused. */
function plain(name, value) {
  // As it was before any `toJSON`.
  const given = this[name];
  const isPlain = given === undefined || given === null || typeof given === 'string' || typeof given === 'boolean'
    || Number.isFinite(given) || Array.isArray(given) || Object.prototype.toString.call(given) === '[object Object]';
  if (!isPlain) throw invalid(`\`${name}\` is not what it has to be: plain data`);
  return value;
}

/** The same with `expiresAt` as ISO-8601 in UTC. */
function withInstant(given) {
  const { expiresAt } = given ?? {};
  if (expiresAt == null) return given;
  const instant = expiresAt instanceof Date || typeof expiresAt === 'string' ? new Date(expiresAt) : undefined;
  if (Number.isNaN(Number(instant))) throw invalid('`expiresAt` must be a Date or an ISO-8601 string');
  return { ...given, expiresAt: instant.toISOString() };
}

/** Gives an item `value(name)`: the slot's value, null for an empty one, undefined where there is no such slot. */
function withValue(item) {
  // Not enumerable, so that copying and JSON see the data alone.
  return Object.defineProperty(item, 'value', {
    value: (name) => item.slots.find((slot) => slot.name === name)?.value,
  });
}

function withItem(answer) {
  withValue(answer.item);
  return answer;
}

function errorOf({ code, message, status, serverCode }) {
  return new VaultError(code, message, status, serverCode);
}

function invalid(message) {
  return new VaultError('INVALID_ARGUMENT', message);
}
