/**
 * vaultshare keeps the data of a web app's users end-to-end encrypted and shares it between them. Keys are made and
 * used in this module; a Vault and a Keystore, two HTTP services, store only ciphertext.
 *
 * Throughout: data objects use camelCase, instants are ISO-8601 strings in UTC, ids are opaque strings. Every method
 * that reaches the network takes {@link CallOptions} last and rejects with {@link VaultError}; besides the codes named
 * at a method, any of them may meet `INVALID_ARGUMENT`, `SESSION_CLOSED`, `UNAUTHORIZED`, `FORBIDDEN`, `RATE_LIMITED`,
 * `SERVER_ERROR`, `BAD_RESPONSE`, `NETWORK`, `TIMEOUT` and `ABORTED`; and any that reads what the user's clients encrypted
 * `MISPLACED` and `DECRYPTION_FAILED`.
 *
 * The services are taken to lie. Nothing is encrypted for a key that the user did not choose, and a value, a name or a
 * person is what its hand wrote there, or the call fails, or the result says that it cannot tell ({@link Slot.bound},
 * {@link Item.changed}, {@link Connection.verified}). The limit: a server can withhold, and to a session without memory it
 * can show any complete state that was true once ({@link ClientOptions.memory}). Terms and the end of a share are kept by
 * an honest server, not by cryptography.
 *
 * @packageDocumentation
 */

declare global {
  // As TypeScript's own `lib.esnext.disposable.d.ts` has it, for projects that do not name that, or are older than it.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
  interface Disposable {
    [Symbol.dispose](): void;
  }
}

/** A class of the platform, where the project's `lib` or `types` knows it. */
type Platform<Name extends string> = typeof globalThis extends Record<Name, { prototype: infer Type }> ? Type : never;

/** The compiled code of a module, where the project's `lib` or `types` knows `WebAssembly`. */
type CompiledModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Type } } } ? Type : never;

/** `fetch` as the platform has it, where the project's `lib` or `types` knows it. */
type Fetch = typeof globalThis extends { fetch: infer Type } ? Type : (request: never) => Promise<unknown>;

/**
 * Where one of the package's two `.wasm` files is, or what is in it: a URL is fetched (in Node.js, a `file:` URL is read), as is a
 * `Request`; a `Response` is read; bytes are compiled, and a `WebAssembly.Module` is taken as it is.
 */
export type ModuleSource =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | CompiledModule
  | Platform<'URL'>
  | Platform<'Request'>
  | Platform<'Response'>;

/**
 * Loads, compiles and starts the module. Nothing else in this package works before it has.
 *
 * Idempotent: every call returns the same promise, so each part of a program may call it for itself. After a failed
 * load the next call tries again. Importing the package starts nothing, so it is safe on a server that renders pages.
 *
 * @param source where `vaultshare_bg.wasm` is, or what is in it. Without it, the file beside the package's scripts is loaded: in
 *   browsers, workers, Node.js and through bundlers. By name: `module`, the same, and `onDemandModule`, likewise for
 *   `on_demand_bg.wasm`, which is loaded at its first use, and then works in this thread instead of the package's worker. The entry `vaultshare/inline` has both within, and needs neither
 * @throws {VaultError} `NETWORK` if a file cannot be loaded, `BAD_RESPONSE` if something else is in its place, `INTERNAL` if it
 *   cannot be started (a Content Security Policy has to allow `script-src 'wasm-unsafe-eval'`), `INVALID_ARGUMENT` for any other
 *   source, and in a bundle that does not know where its files are
 *
 * @example
 * import init, { VaultClient } from 'vaultshare';
 * await init();
 */
export default function init(
  source?: ModuleSource | { module?: ModuleSource; onDemandModule?: ModuleSource },
): Promise<void>;

// ---------------------------------------------------------------------------------------------------------- Errors

/**
 * What kind of failure it was. These are stable; branch on them and not on messages.
 *
 * - `INVALID_ARGUMENT`: an argument is missing, of the wrong form or out of range, or has a field that is not declared (what
 *   results show besides may be given back), or `init()` was not called; with a `status`, it was the server that refused it
 * - `INVALID_SECRET`: the text does not have the form of a user's secret; the message says what is wrong with it
 * - `LOGIN_FAILED`: wrong secret or passphrase; which of the two is not told. A secret has no checksum: one in which a
 *   character was mistyped for another of its alphabet, or the last one is missing, comes here and not to `INVALID_SECRET`
 * - `SESSION_CLOSED`: the session was closed; its keys are gone
 * - `DECRYPTION_FAILED`: a ciphertext could not be decrypted, or a signature is not genuine; deliberately without detail
 * - `MALFORMED_ENVELOPE`: the text is not a ciphertext of this format
 * - `UNSUPPORTED_ALGORITHM`: a ciphertext or a key of an algorithm that is not allowed
 * - `WEAK_KEY`: an RSA key too short or too odd to encrypt for
 * - `KEY_CHANGED`: the server hands out another public key than the one known for the connection; look at
 *   {@link Connections.inspect}, compare safety numbers, and only then {@link Connections.trustNewKey}
 * - `VALUE_NOT_AUTHENTIC`: a received value is not the one that its owner wrote, or a share is not the one that was signed
 * - `MISPLACED`: the server put a ciphertext of another place, purpose or life of the item here; report it, show nothing
 * - `UNBOUND_VALUE`, `ITEM_CHANGED`: a value does not say where it belongs, or words and rows are not those that the values
 *   vouch for, and they would be disclosed; show the item, then {@link Items.adopt}
 * - `ROLLED_BACK`: the server shows an older item than this session, or its imported memory, has seen; report it
 * - `SERVER_NOT_PROVEN`: the Keystore does not have what the user was registered with: it is another one, or somebody answers
 *   for it. Its session is not used; the passphrase cannot be found from what signing in sends. A Keystore that proves nothing
 *   is of another make, and noticed by a session with memory alone
 * - `SENDER_NOT_PROVEN`: nothing proves who shared an item, and `requireProof` was asked for
 * - `UNVERIFIED_KEY`: nothing proves that a key is the other user's; compare safety numbers, then
 *   {@link Connections.markVerified}, or for a space's key `acceptUnproven`
 * - `NOT_FOUND`: there is no such record, or it is not this user's
 * - `NOT_CONNECTED`, `ALREADY_CONNECTED`: the two users have no connection, or have one
 * - `ACCEPTANCE_REQUIRED`: the share's terms have to be accepted before it can be read
 * - `ON_SHARING_NOT_PERMITTED`: the share does not allow its recipient to share on
 * - `NOT_OWNER`: only the owner of the item may do this
 * - `UNAUTHORIZED`: the server no longer accepts the session; sign in again
 * - `FORBIDDEN`: the server refuses this to this user; at sign-in with the `serverCode` `user_disabled`, where it has taken
 *   secret and passphrase and says that its operator has disabled the account
 * - `CONFLICT`: the request contradicts what the server holds
 * - `RATE_LIMITED`: too many requests; try again later
 * - `SERVER_ERROR`: the server failed
 * - `BAD_RESPONSE`: the server answered with something that is not the protocol, as what is no Vault or Keystore does: are
 *   `vaultUrl` and `keystoreUrl` right?
 * - `NETWORK`: the connection failed, so there was no answer; `cause` is what `fetch` rejected with
 * - `TIMEOUT`: there was no answer in time
 * - `ABORTED`: the caller's `AbortSignal` fired
 * - `INTERNAL`: a fault of this library, or of the platform below it
 */
export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'INVALID_SECRET'
  | 'LOGIN_FAILED'
  | 'SESSION_CLOSED'
  | 'DECRYPTION_FAILED'
  | 'MALFORMED_ENVELOPE'
  | 'UNSUPPORTED_ALGORITHM'
  | 'WEAK_KEY'
  | 'KEY_CHANGED'
  | 'VALUE_NOT_AUTHENTIC'
  | 'MISPLACED'
  | 'UNBOUND_VALUE'
  | 'ITEM_CHANGED'
  | 'ROLLED_BACK'
  | 'SERVER_NOT_PROVEN'
  | 'SENDER_NOT_PROVEN'
  | 'UNVERIFIED_KEY'
  | 'NOT_FOUND'
  | 'NOT_CONNECTED'
  | 'ALREADY_CONNECTED'
  | 'ACCEPTANCE_REQUIRED'
  | 'ON_SHARING_NOT_PERMITTED'
  | 'NOT_OWNER'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'CONFLICT'
  | 'RATE_LIMITED'
  | 'SERVER_ERROR'
  | 'BAD_RESPONSE'
  | 'NETWORK'
  | 'TIMEOUT'
  | 'ABORTED'
  | 'INTERNAL';

/**
 * How calls of this library fail: a real `Error`, with a stable {@link ErrorCode}. Its message is for people; what this
 * library writes there never holds a passphrase, a key, a token or a decrypted value. Where a server refused, it ends with
 * what that server said, in quotation marks and shortened to 200 characters: `…; the server says: "invitation.email: must
 * be …"`. That part is the server's word: runs of more than 40 letters and digits, as tokens and keys are, are left out of
 * it, and a shorter text that a server repeats from its own request is not.
 *
 * It can be constructed so that an app's own tests can make the failures they want to see handled.
 */
export class VaultError extends Error {
  constructor(code: ErrorCode, message: string, status?: number, serverCode?: string, cause?: unknown);
  readonly name: 'VaultError';
  /** What kind of failure it was. */
  readonly code: ErrorCode;
  /** The HTTP status, where a response was received. */
  readonly status?: number;
  /**
   * The server's own error code, where it sent one. Those of this repository's server each have one reason, and are listed
   * in `docs/protocol/http-api.md`, section 1.4.
   */
  readonly serverCode?: string;
  /**
   * Of a `NETWORK` error, what the platform's `fetch`, or the one given to {@link VaultClient}, rejected with. It is the
   * platform's and not checked for what it holds.
   */
  readonly cause?: unknown;

  /**
   * What a message to another thread or a log takes along. A structured clone of an error, as `postMessage` makes it, loses the
   * code, the status and the class.
   *
   * @example
   * postMessage({ failed: error.toJSON() }); // in a worker; in the page: VaultError.from(data.failed)
   */
  toJSON(): { name: 'VaultError'; code: ErrorCode; message: string; status?: number; serverCode?: string };

  /** The error of what {@link VaultError.toJSON} gave, perhaps in another thread. */
  static from(error: { code: ErrorCode; message: string; status?: number; serverCode?: string }): VaultError;
}

/**
 * Whether a caught value is a {@link VaultError}, also one from another copy of this package or from another frame,
 * which `instanceof` would not recognise.
 *
 * @example
 * try {
 *   await client.signIn(secret, passphrase);
 * } catch (error) {
 *   if (isVaultError(error) && error.code === 'LOGIN_FAILED') tellWrongPassphrase();
 *   else throw error;
 * }
 */
export function isVaultError(e: unknown): e is VaultError;

// ---------------------------------------------------------------------------------------------------------- Client

/** Which installation to use, and how patiently. */
export interface ClientOptions {
  /** The Vault's base URL: https, or http on this very machine. */
  vaultUrl: string;
  /** The Keystore's base URL: https, or http on this very machine. */
  keystoreUrl: string;
  /** Sent with every request, for installations behind a gateway that asks for one. */
  subscriptionKey?: string;
  /** What sends the requests; default the global `fetch`. It is called with one `Request`. For tests, logging, proxies. */
  fetch?: Fetch;
  /** How long one request may take, its answer included, in milliseconds; default 30,000. */
  timeoutMs?: number;
  /** How often a request that is safe to repeat is repeated after a failed connection or server; default 2. */
  retries?: number;
  /**
   * Whether a session makes the key pair of its next connection ahead of need, so that `invitations.create` and
   * `connections.accept` take milliseconds; default true. It makes one at a time, off the page's thread, a moment after
   * the last was used and when the page is idle; never while the page is hidden, nor after the session was closed, nor where
   * there is neither `crypto.subtle` nor a `Worker`.
   */
  prepareKeyPairs?: boolean;
  /**
   * Where this device keeps what its sessions have seen ({@link Session.exportMemory}), so that the next one of the same user
   * is shown nothing older: by default the browser's IndexedDB, shared by all pages of the origin, and nothing in Node.js.
   * `false` keeps nothing, and a store of the app's own keeps it elsewhere. It is stored a moment after something was learnt,
   * and before {@link Session.signOut}; `close()` may leave the last second out.
   *
   * A store that fails, does not answer within seconds, or has forgotten, is no error: such a session begins as on a new
   * device, which {@link Session.memorySince} tells. Browsers forget under pressure, Safari after seven days without a visit;
   * `navigator.storage.persist()` asks for more. Where a browser has no `navigator.locks`, as beyond https, nothing is kept.
   *
   * Where the device remembers what is rightly gone (the server was restored from a backup, or has a new account of the same
   * secret), `false` signs in without it, and `indexedDB.deleteDatabase('vaultshare-memory')` makes the browser forget it all.
   */
  memory?: MemoryStore | false;
}

/**
 * Keeps one text per user of this device, which holds no key and opens for its user only; it names the user's id in the Vault.
 * Whoever can put an older one in its place makes the device forget.
 *
 * @example
 * const store = {
 *   update: (name, merge) =>
 *     lock(name, async () => write(name, await merge(await read(name)))),
 * };
 * const client = new VaultClient({ vaultUrl, keystoreUrl, memory: store });
 */
export interface MemoryStore {
  /**
   * Puts what `merge` makes of a text in its place. One call after the other for a name, in all pages and processes that use
   * the store, or one loses what the other has learnt.
   *
   * @param name 64 hexadecimal digits, the same on every device of the user
   * @param merge to be given the text as it is stored, or undefined where there is none; rejects where it is not this user's,
   *   and then nothing is to be stored
   */
  update(name: string, merge: (stored: string | undefined) => Promise<string>): Promise<void>;
}

/** What every call that reaches the network takes last. */
export interface CallOptions {
  /** Gives the call up when it fires: the call rejects with `ABORTED` and its requests are cancelled. */
  signal?: Platform<'AbortSignal'>;
  /** Called as the work proceeds. What it throws is ignored. */
  onProgress?: (p: Progress) => void;
}

/** Of every call that reads items others may have shared. */
export interface ReadOptions extends CallOptions {
  /** Takes a received item only where {@link Item.sender} is `proven`; otherwise `SENDER_NOT_PROVEN`. */
  requireProof?: boolean;
}

/** How far a call has come. */
export interface Progress {
  /** What is being done now, as a short lower-case phrase. */
  phase: string;
  /** How many steps are done; of a file how many bytes. */
  done: number;
  /** How many there are; 0 for a stream, whose end nobody knows. */
  total: number;
}

/**
 * The way in: registers users and signs them in. Holds no keys, and serves any number of users.
 *
 * @example
 * const client = new VaultClient({
 *   vaultUrl: 'https://vault.example/vault',
 *   keystoreUrl: 'https://vault.example/keystore',
 * });
 * const session = await client.signIn(secret, passphrase);
 */
export class VaultClient {
  /**
   * Checks the options; sends nothing.
   *
   * @throws {VaultError} `INVALID_ARGUMENT`
   */
  constructor(options: ClientOptions);

  /**
   * Reserves a username and makes the secret that, with the passphrase, is the only way back in: nobody can restore
   * it. So show it to the user before {@link VaultClient.createUser}, and let them keep it.
   */
  newSecret(options?: CallOptions): Promise<string>;

  /**
   * Registers a user with the Keystore and the Vault, makes their keys, and signs them in. The passphrase does not
   * leave the module. Making an RSA-4096 key pair takes a second or more; `onProgress` says where it is.
   *
   * A registration that was cut off goes on where it stopped when called again with the same secret and passphrase.
   *
   * The account is made with the passphrase in Unicode's form C, whatever form the keyboard gives.
   *
   * @param options `secret`: what {@link VaultClient.newSecret} gave; without it one is made, to be read from
   *   {@link Session.secret}. `until`: as in {@link VaultClient.signIn}
   * @throws {VaultError} `INVALID_SECRET`; `LOGIN_FAILED` where the secret is registered with another passphrase
   *
   * @example
   * const secret = await client.newSecret();
   * await letTheUserKeep(secret);
   * const session = await client.createUser(passphrase, { secret, onProgress: ({ phase }) => show(phase) });
   */
  createUser(passphrase: string, options?: CallOptions & { secret?: string; until?: Date | string }): Promise<Session>;

  /**
   * Signs a user in and fetches their keys, which are decrypted here.
   *
   * The passphrase is tried as it is, then in Unicode's forms C and D: `é` may be one character or two. Where the forms
   * differ, a wrong passphrase counts as two or three attempts on a server that limits them.
   *
   * @param secret what {@link Session.secret} gave at registration
   * @param options `until`: how long the servers' sessions are wanted for, which bounds {@link Session.remember}. A server gives
   *   what it likes: this repository's a day without it, and at most 30 days, unless its operator says otherwise
   * @throws {VaultError} `LOGIN_FAILED` for a wrong secret or passphrase, `INVALID_SECRET` for a text that is no secret.
   *   Where this device remembers the user ({@link ClientOptions.memory}): `SERVER_NOT_PROVEN` where the Keystore proved before
   *   that it knows them and does not any more; `MISPLACED` where the Vault names another user than before;
   *   `DECRYPTION_FAILED`, `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM` or `INVALID_ARGUMENT` where what the store gives was
   *   written by somebody else
   */
  signIn(secret: string, passphrase: string, options?: CallOptions & { until?: Date | string }): Promise<Session>;

  /**
   * For a user who has forgotten the passphrase: signs them in by the recovery key, and gives them another passphrase. They get a
   * new secret with it, {@link Session.secret}, which they are to keep; the one that they still have may be given, and stays. All
   * their other sessions end. The recovery key stays good until it is revoked.
   *
   * Nobody else can do this, for who has made no recovery key: the keys are the user's alone.
   *
   * @param recoveryKey what {@link Session.createRecoveryKey} gave
   * @param options `secret`: the user's, to keep it; `until`: as of {@link VaultClient.signIn}
   * @throws {VaultError} `LOGIN_FAILED` for one that was revoked or never was; `INVALID_SECRET` for a text that is no recovery key,
   *   and for another user's secret
   */
  recover(
    recoveryKey: string,
    newPassphrase: string,
    options?: CallOptions & { secret?: string; until?: Date | string },
  ): Promise<Session>;

  /**
   * The session that this browser keeps since {@link Session.remember}, without secret and passphrase: for when a page is
   * loaded again. One request, and no key is derived. `undefined` where none is kept, or it has ended: at its time, by
   * {@link Session.signOut}, or by {@link Session.endOtherSessions} on another device. Let the user sign in then.
   *
   * Several pages may resume the same session; signing out of one ends it for all, although the others hold their keys until they
   * are closed. The session knows everything but the user's secret: {@link Session.secret} throws `NOT_FOUND`. Where its calls
   * are `UNAUTHORIZED`, the Vault has ended its part: sign out, and let the user sign in.
   *
   * @param options `name`: as in {@link Session.remember}
   * @throws {VaultError} `NETWORK`, `SERVER_ERROR`, `BAD_RESPONSE`, `UNAUTHORIZED` and the like where something else than the
   *   Keystore answers, or nothing, and `TIMEOUT` also where the disk does not: the session is kept, try again. Those of
   *   {@link VaultClient.signIn} where this device remembers the user
   *
   * @example
   * const session = (await client.resume()) ?? (await signInByForm());
   */
  resume(options?: CallOptions & { name?: string }): Promise<Session | undefined>;
}

/**
 * A signed-in user. The keys stay inside the module: nothing here hands them out. Close it when the user is done.
 *
 * It comes from {@link VaultClient.createUser}, {@link VaultClient.signIn} and {@link VaultClient.resume}.
 */
export class Session {
  private constructor();
  /**
   * The user's secret, which with the passphrase is the only way back in.
   *
   * @throws {VaultError} `SESSION_CLOSED`; `NOT_FOUND` in a session that was resumed
   */
  readonly secret: string;
  /** The user's id in the Vault, by which shares and connections name them. */
  readonly userId: string;
  /**
   * Since when this device remembers what this user's sessions have seen, RFC 3339: since this session began where it has
   * nothing from before.
   *
   * @throws {VaultError} `SESSION_CLOSED`
   */
  readonly memorySince: string;
  /** The kinds of items that can be made. */
  readonly templates: Templates;
  /** The user's items, and those that others share with them. */
  readonly items: Items;
  /** Offers to connect. */
  readonly invitations: Invitations;
  /** The users that this one can share with. */
  readonly connections: Connections;
  /** Items shared, in both directions. */
  readonly shares: Shares;
  /** Work that only this user's keys can do, queued by the Vault. */
  readonly tasks: ClientTasks;
  /** The names that items are sorted under. */
  readonly classifications: Classifications;
  /** Sharing by the platform's first protocol, for accounts and clients that know no other. */
  readonly encryptionSpaces: EncryptionSpaces;

  /**
   * Keeps this session in the browser, so that {@link VaultClient.resume} gives it to a page that is loaded later: the user
   * stays signed in until then. Ended before by {@link Session.signOut}, and by {@link Session.endOtherSessions} on another
   * device; not by {@link Session.close}, nor by closing the page. Browsers forget by themselves, too: Safari after seven days
   * without a visit.
   *
   * IndexedDB holds the user's keys and the session's tokens, encrypted under a key that this browser never shows; what encrypts
   * the keys needs a half, too, that lies with the session at the Keystore. Neither secret nor passphrase is kept, nor what is
   * derived from them. A copy of the browser's files that was not opened before the session ended opens no key afterwards.
   * **Until then whoever has this browser's profile, or runs a script in this page, is the user, and may keep the user's keys**:
   * offer it as a choice, and not on shared computers.
   *
   * Where this rejects the browser may have kept the session all the same; signing out forgets it.
   *
   * @param options `until`: at most as long as the Keystore's session lasts ({@link VaultClient.signIn}), and without it as long
   *   as that. `name`: where a page has several users, which one this is; another session of the same name is replaced, and ended.
   *   Default: the empty name
   * @returns until when, RFC 3339
   * @throws {VaultError} `NOT_FOUND` at a Keystore of another make, which has no place for the half; `INTERNAL` where there is
   *   no IndexedDB or no WebCrypto, as in Node.js, or where the browser refuses to write
   *
   * @example
   * const until = new Date(Date.now() + 14 * 24 * 60 * 60 * 1000);
   * const session = await client.signIn(secret, passphrase, staySignedIn.checked ? { until } : {});
   * if (staySignedIn.checked) await session.remember({ until }).catch(goOnWithout);
   */
  remember(options?: CallOptions & { until?: Date | string; name?: string }): Promise<string>;

  /**
   * Ends the sessions on both servers, so that their tokens are worthless, and closes. What this browser keeps of the user
   * ({@link Session.remember}), of this session or another, is forgotten first. Where a server cannot be reached this rejects and
   * the session stays open: try again, or `close()`.
   */
  signOut(options?: CallOptions): Promise<void>;

  /**
   * Changes the passphrase, and ends every other session of this user; the secret stays the same. Cut off at any point, one of the
   * two passphrases is the user's, and the same call goes on: it finds it done where it was done.
   *
   * A recovery key stays good: where the old passphrase was known to somebody, see whether {@link Session.recoveryKeySince} is the
   * user's own. The keys stay what they are. Whoever knew the old passphrase and the secret, and was shown the wrapped keys of that time, has
   * them still. A session that a browser keeps ({@link Session.remember}), this one's too, is ended: keep it again.
   *
   * @param oldPassphrase the user types it again: a session alone does not change it
   * @param options `secret`: the user's, for a session that was resumed, which does not have it
   * @throws {VaultError} `LOGIN_FAILED` where the old passphrase is not the user's; `NOT_FOUND` for a resumed session without
   *   `secret`, and for a Keystore of others, which has no such request
   */
  changePassphrase(
    oldPassphrase: string,
    newPassphrase: string,
    options?: CallOptions & { secret?: string },
  ): Promise<void>;

  /**
   * Makes a recovery key, for {@link VaultClient.recover}: a text that the user prints and keeps where the passphrase is not. Whoever
   * has it has the account. One that was made before is revoked, also where the answer of this call is lost.
   *
   * The servers learn nothing of it that opens anything. Revoking is theirs to do: a server that does not, and whoever found the
   * print, have the account together.
   *
   * @param passphrase the user types it again: a session alone makes none
   * @param options `secret`: the user's, for a session that was resumed, which does not have it
   * @throws {VaultError} `LOGIN_FAILED` where the passphrase is not the user's; `NOT_FOUND` for a resumed session without `secret`,
   *   and for a Keystore of others, which has no such request
   */
  createRecoveryKey(passphrase: string, options?: CallOptions & { secret?: string }): Promise<string>;
  /** When the user's recovery key was made, ISO-8601; `undefined` where they have none. */
  recoveryKeySince(options?: CallOptions): Promise<string | undefined>;
  /**
   * Revokes the user's recovery key, where there is one, and ends the user's other sessions. Whoever has used it once may have kept
   * the keys that it opened.
   */
  revokeRecoveryKey(options?: CallOptions): Promise<void>;

  /**
   * Has the account deleted after some days, 14 at servers of this repository: everything that is in it, what others received of
   * it, and what signs the user in. Until then nothing is different, also for other sessions, and any of them may take it back
   * ({@link Session.keepAccount}). After it nobody can, and nobody else gets this user's name.
   *
   * Cut off at any point, make the same call again: it finds what was queued, with the time of then. A session that is at hand is
   * no proof of who asks, so the user types the passphrase; a server does not ask for it, and whoever has a session's tokens can
   * do without.
   *
   * @param passphrase the user's
   * @param options `secret`: the user's, for a session that was resumed, which does not have it
   * @throws {VaultError} `LOGIN_FAILED` where secret and passphrase are not the user's; `NOT_FOUND` for a resumed session without
   *   `secret`
   */
  deleteAccount(passphrase: string, options?: CallOptions & { secret?: string }): Promise<AccountDeletion>;

  /** Takes {@link Session.deleteAccount} back. Where nothing is queued, nothing happens. */
  keepAccount(options?: CallOptions): Promise<void>;

  /**
   * The user's record, as the Vault has it now. Ask after signing in, and show an account that is queued for deletion: whoever has
   * a session can have queued it.
   */
  user(options?: CallOptions): Promise<User>;

  /**
   * Ends every other session of this user on both servers: for when a device was lost. This one stays, and with it what a copy of
   * this browser has: there, sign out instead. Whoever has opened the other device's session before has its keys.
   */
  endOtherSessions(options?: CallOptions): Promise<void>;

  /**
   * What this session has seen and done (the newest version of each item, whose key each connection has, what was taken
   * back), encrypted under the user's key. A server cannot show a session something older than it has seen, or bring back
   * what it took back; a new session has seen nothing yet. Browsers keep this by themselves, and so does a store of the app's
   * own ({@link ClientOptions.memory}); this method is for moving it to another device: {@link Session.importMemory}. Does not
   * reach the network.
   *
   * The text holds no key and opens for this user only. Whoever can put an older one in its place, or delete it, makes
   * the next session forget. It remembers some 20,000 records of each kind.
   *
   * @example
   * await sendToMyOtherDevice(await session.exportMemory());
   */
  exportMemory(): Promise<string>;

  /**
   * Adds what an earlier session of this user exported. Where both know a record, the newer knowledge stays; a key or a
   * taking back that this session knows stands. So import it right after signing in: a key that was shown before is not
   * compared with it.
   *
   * @param memory what {@link Session.exportMemory} gave, on this device or another
   * @throws {VaultError} `DECRYPTION_FAILED` or `MISPLACED` where it is no memory of this user, `MALFORMED_ENVELOPE`,
   *   `UNSUPPORTED_ALGORITHM`; `SERVER_NOT_PROVEN` where the Keystore proved to that session that it knows the user, and did
   *   not when this one was signed in
   */
  importMemory(memory: string): Promise<void>;

  /**
   * Wipes every key from memory, at once and without the network. Calls that are under way, and all later ones,
   * reject with `SESSION_CLOSED`. Closing twice is fine.
   */
  close(): void;

  /** The same as {@link Session.close}, for `using session = await client.signIn(…)`. */
  [Symbol.dispose](): void;
}

/** A user, as the Vault has them. */
export interface User {
  /** The same as {@link Session.userId}. */
  id: string;
  /** When the account is deleted, RFC 3339; absent where nobody asked for it ({@link Session.deleteAccount}). */
  queuedForDeletionAfter?: string;
}

/** What comes of {@link Session.deleteAccount}. */
export interface AccountDeletion {
  /** When the account is deleted, RFC 3339. */
  queuedForDeletionAfter: string;
  /**
   * Whether the Keystore deletes its part too: who signs in, and the wrapped keys. False at a Keystore of another make that has
   * no such request: they stay until its operator deletes them.
   */
  keystoreFollows: boolean;
}

// ----------------------------------------------------------------------------------------------------------- Lists

/** A part of a list. */
export interface Page<T> {
  entries: T[];
  /** Records that could not be read, which hide none of the others; absent where all could. `id` where that could be read. */
  unreadable?: { id?: string; error: VaultError }[];
  /** What to pass as `after` for the next page; absent on the last. */
  next?: string;
}

/** Which part of a list is wanted. */
export interface PageOptions extends CallOptions {
  /** How many records a page holds at most; default: the server's choice. A page of large items has fewer. */
  perPage?: number;
  /** {@link Page.next} of the page before. */
  after?: string;
  /** Fetch page after page and give everything from there on as one. */
  all?: boolean;
}

// ------------------------------------------------------------------------------------------------------- Templates

/** The kinds of items that can be made: the system's and the user's own. */
export interface Templates {
  /**
   * @param filter `like`: a part of the name; `scheme` and `classification`: how the Vault sorts templates
   */
  list(
    filter?: { like?: string; scheme?: string; classification?: string },
    page?: PageOptions,
  ): Promise<Page<Template>>;

  /**
   * @param nameOrId the id; or the machine name, the label as it was typed, or the name but for case and white space
   * @throws {VaultError} `NOT_FOUND`
   */
  get(nameOrId: string, options?: CallOptions): Promise<Template>;

  /**
   * Makes a template of the user's own. Nobody else sees it.
   *
   * @param template `name`: the machine name, which must be new; derived from the label where absent, with a number where
   *   it is not new
   *
   * @example
   * await session.templates.create({ label: 'Bicycle', slots: [{ label: 'Frame number' }] });
   */
  create(
    template: { name?: string; label: string; description?: string; slots?: NewSlot[] },
    options?: CallOptions,
  ): Promise<Template>;
}

/** A kind of item: a named list of empty slots. */
export interface Template {
  id: string;
  /** The machine name, which {@link Items.create} takes. */
  name: string;
  /** The name for people. */
  label: string;
  slots: { name: string; label: string; type: SlotType }[];
}

/** What a slot's value is about. Values are texts whatever the type; it says how to show and edit them. */
export type SlotType =
  | 'key_value'
  | 'bool'
  | 'classification_node'
  | 'color'
  | 'date'
  | 'datetime'
  | 'image'
  | 'note_text'
  | 'select'
  | 'attachment'
  | 'url'
  | 'phone_number'
  | 'select_multiple'
  | 'email'
  | 'password';

// ----------------------------------------------------------------------------------------------------------- Items

/**
 * A slot to be made, or changed. An existing one is meant by its `id` or else by its `name`. A slot with a `label` alone is
 * a new one, also where there are others of this label; only one that is still empty is filled.
 *
 * A {@link Slot} is one too: given back, it says when it was read.
 */
export interface NewSlot {
  /** The existing slot's id. Ignored where an item or a template is made. */
  id?: string;
  /**
   * The slot's name, as {@link Item.value} takes it: the machine name, or a text that becomes one (`userName` is stored as
   * `username` with the label `userName`). A new slot's is derived from its label where absent. No two new slots get the
   * same: of two labels `Phone` the second is `phone_2`.
   */
  name?: string;
  /** The name for people, without white space at its ends as all labels. Not encrypted. */
  label?: string;
  type?: SlotType;
  /** The value, which is encrypted. Null empties the slot; left out, the value stays as it is. */
  value?: string | null;
  /** What the slot is for, in words for people. Not encrypted. An empty text takes it away. */
  description?: string;
  /** Takes the slot away, where an item is changed. */
  remove?: boolean;
  /** {@link Slot.revision} as it was read: a change is refused where somebody wrote the value since. */
  revision?: number;
  /** {@link Slot.updatedAt} as it was read, for a value without a revision. */
  updatedAt?: string;
}

/** One value of an item. */
export interface Slot {
  id: string;
  /** The machine name. */
  name: string;
  /** The name for people. */
  label: string;
  type: SlotType;
  /** The decrypted value; null for an empty slot. */
  value: string | null;
  /** What the slot is for, where anybody said so: words for people, not encrypted, for which no value vouches. */
  description?: string;
  /**
   * Whether the value was written for this slot of this item; true for an empty slot. Other clients of the platform write
   * values that name no place: a server can put such a value into any slot that is under the same key, so one that is not
   * bound may be another than it seems. Show it with a mark; {@link Items.adopt} binds it.
   */
  bound: boolean;
  /** {@link Item.revision} at the write of the value; 0 for an empty slot, absent for a value that is not bound. */
  revision?: number;
  /**
   * How a received value is known to be the one that its owner stored: `text` where the owner's proof fits this text alone;
   * `weak` where the owner uses another client or an earlier version, until it is shared or refreshed anew. Such a proof fits
   * some pairs of texts of which one has letters beyond Latin-1, so that whoever shared the value on may have exchanged them.
   * The Vault keeps the proofs: against a Vault that works together with whoever shared it on, neither helps. Absent for own
   * and empty slots, and in encryption spaces, which have no proofs.
   */
  proof?: 'text' | 'weak';
  /** Whether the user is its owner. */
  own: boolean;
  /** The share that brought it, where it is another's. */
  shareId?: string;
  /** The owner's id of it, where it is another's. */
  originalId?: string;
  /** Whose it is; for own ones the user's own id. */
  ownerId?: string;
  /** The file that the slot stands for: {@link Items.attachments}. */
  attachmentId?: string;
  createdAt: string;
  updatedAt: string;
}

/** An item without its values. */
export interface ItemSummary {
  /** This user's id of it. */
  id: string;
  /** The machine name. */
  name: string;
  /** The name for people. Not encrypted. */
  label: string;
  /** The template it was made from. */
  templateId: string;
  templateLabel?: string;
  /** Whether the user is its owner. */
  own: boolean;
  /** Whose it is; for own ones the user's own id. */
  ownerId?: string;
  /** The owner's id of it, where it is another's. */
  originalId?: string;
  /** The share that brought it, where it is another's. */
  shareId?: string;
  slotIds: string[];
  createdAt: string;
  updatedAt: string;
}

/**
 * An item with its values, decrypted.
 *
 * Every write seals its values with a digest of the whole item: label, and name, label, type and row of every slot. So the
 * newest values vouch for the words and rows around them, which are not encrypted. Not covered are the item's machine name,
 * its template, descriptions, the order of slots, classifications, files and thumbnails.
 */
export interface Item extends ItemSummary {
  slots: Slot[];
  /**
   * Whether label, words and rows are not those that the newest values were written with: another client wrote them, or two
   * devices at once, or the server changed them, which look alike. False where nothing vouches for anything, as in an item
   * without slots, or whose values all are not {@link Slot.bound}; true again where this session, or its memory, has seen
   * values that did. Show the item as it is now and let the user decide: {@link Items.adopt}.
   */
  changed: boolean;
  /**
   * Changes with every word and value that the state of an item covers, and with its classifications; not with descriptions,
   * nor the words of classifications, for which nothing vouches. For {@link Items.adopt} and {@link NewShare.version}, which mean what the
   * user was shown. Opaque; not the same at the owner's and at a recipient's.
   */
  version: string;
  /** Names this life of the item, since it was made; absent where no value names a place. */
  birth?: string;
  /** Counts the writes of this life; 0 where no value names a place. */
  revision: number;
  /**
   * Of a received item: whether who shared it signed that, for this user, this item and these terms, with the key that is
   * accepted for a connection of theirs. Where it is `unproven`, the sender's name is the Vault's word: write "the server
   * says: from Alice", without her picture, and ask before values are acted upon. So it is of what other clients share.
   */
  sender?: 'proven' | 'unproven';
  /** {@link Connection.fingerprint} of whoever it was, where that is proven. */
  senderFingerprint?: string;
  /**
   * {@link Connection.keypairId} of the connection that it came over, where that is proven. Look for the connection that has both:
   * a server can connect somebody else by a key that is not theirs.
   */
  senderKeypairId?: string;
  /**
   * Of a received item, whether its values are the owner's: `proven` where whoever shared it says that it is theirs and signed
   * them, and {@link ItemSummary.ownerId} does not say otherwise; `vouched` where somebody shared it on and names the key that
   * signed them as the owner's; `unproven` where only whoever shared it on stands for them, or nobody.
   */
  owner?: 'proven' | 'vouched' | 'unproven';
  /**
   * Whether something was proven before over the same connection, in this session or its imported memory. With a `sender` who
   * is `unproven`: they used another client this time, or the server withholds the proof.
   */
  provenBefore?: boolean;
  /** The nodes that it or one of its slots stands under. */
  classifications: Classification[];
  /**
   * The value of the slot of this name: null where it is empty, undefined where there is no such slot. The name is the
   * machine name, the label as it was typed, or the machine name but for case and white space, in this order.
   */
  value(name: string): string | null | undefined;
}

/** The user's items, and those that others share with them. */
export interface Items {
  /**
   * Stores the item and encrypts its values under the user's key, each for its place in this item. Called again after
   * it was cut off, it goes on.
   *
   * What is left out is the server's to choose, and from then on vouched for: the template's slots, the label of a slot
   * given by its name, the name of one given by its label.
   *
   * @param item `template`: the name of one; `slots`: values by slot name, or slots in full, also ones beyond the
   *   template's, and those of another item. A value has at most 3,142,656 bytes as UTF-8
   * @throws {VaultError} `NOT_FOUND` for an unknown template; `INVALID_ARGUMENT` for two slots of one name, and where the
   *   server does not take so many or so large slots: ours takes 10,000 and 32 MiB
   *
   * @example
   * const car = await session.items.create({
   *   template: 'vehicle',
   *   label: 'My car',
   *   slots: { model_make: 'DeLorean DMC-12', licence_plate: 'OUTATIME' },
   * });
   * console.log(car.value('licence_plate'));
   */
  create(
    item: {
      template: string;
      label: string;
      slots?: Record<string, string> | NewSlot[];
      classifications?: ({ id: string } | { scheme: string; name: string })[];
    },
    options?: CallOptions,
  ): Promise<Item>;

  /**
   * Own items and those shared with the user, without their values.
   *
   * @param filter all that is given has to hold. `sharedWith`: the user shares it with this user; `ownerId`: it is
   *   this user's; `own`: it is, or is not, the reading user's; `name`: its machine name; `order`: by time of making
   */
  list(
    filter?: {
      templateIds?: string[];
      scheme?: string;
      classifications?: string[];
      sharedWith?: string;
      ownerId?: string;
      own?: boolean;
      ids?: string[];
      name?: string;
      order?: 'asc' | 'desc';
    },
    page?: PageOptions,
  ): Promise<Page<ItemSummary>>;

  /**
   * Fetches and decrypts an item, with the user's key or with the share's. Values received from others are checked to
   * be those that their owner wrote.
   *
   * @throws {VaultError} `NOT_FOUND`, `ACCEPTANCE_REQUIRED`, `DECRYPTION_FAILED`, `VALUE_NOT_AUTHENTIC`; `MISPLACED` for a
   *   value of another place; `ROLLED_BACK` for an older item than was seen before; `SENDER_NOT_PROVEN`
   */
  get(id: string, options?: ReadOptions): Promise<Item>;

  /**
   * As {@link Items.get}, for many at once and in the order asked for. An item that cannot be read has its error in
   * its place and does not hide the others.
   *
   * @example
   * for (const outcome of await session.items.getMany(ids)) {
   *   if ('item' in outcome) show(outcome.item);
   *   else showUnreadable(outcome.id, outcome.error.code);
   * }
   */
  getMany(ids: string[], options?: ReadOptions): Promise<({ item: Item } | { id: string; error: VaultError })[]>;

  /**
   * Changes an own item; what is not named stays. A null value empties the slot. Those it is shared with get the
   * change when the client tasks that it leaves behind are run: {@link ClientTasks.run}.
   *
   * An item that is {@link Item.changed} can be written, and stays so: the write does not vouch for what the server showed.
   *
   * An item that was read before can be given back, or some of its slots: they say when they were read. Values that are as
   * they were read are not written again. Where another device has written or removed one meanwhile, nothing is written, and
   * the error names it by its place in the change: `slots[2]`. What it wrote beside is kept. A change that does not say
   * what was read, `{ slots: { phone: '…' } }`, is written over whatever is there.
   *
   * @param change `version`: {@link Item.version} as it was read, for the label, for slots that do not say themselves, and
   *   for classifications: where these have changed since, adding one is refused too
   * @param options `overwrite`: writes also over what was written since it was read
   * @returns the item as it is now, and how many client tasks wait
   * @throws {VaultError} `NOT_FOUND`, `NOT_OWNER`, `MISPLACED`, `ROLLED_BACK`; `INVALID_ARGUMENT` as {@link Items.create};
   *   `CONFLICT` where something was written since it was read, or others change the item again and again meanwhile
   *
   * @example
   * const item = await session.items.get(id);
   * const slots = item.slots.map((slot) => ({ ...slot, value: form[slot.name] }));
   * await session.items.update(id, { ...item, slots });
   */
  update(
    id: string,
    change: {
      label?: string;
      slots?: Record<string, string | null> | NewSlot[];
      classifications?: ({ id: string; remove?: boolean } | { scheme: string; name: string })[];
      version?: string;
    },
    options?: CallOptions & { overwrite?: boolean },
  ): Promise<{ item: Item; outstandingTasks: { todo: number; inProgress: number } }>;

  /**
   * Takes an own item for the user's own as it was shown: its label, its slots and every value, whoever wrote them, are
   * encrypted anew and bound to their places. Then it is neither {@link Item.changed} nor has it unbound values, and can be
   * shared. So show all of it before, and adopt what the user recognised: a value that a server has put into another slot
   * is adopted like any other.
   *
   * @param version {@link Item.version} of what was shown
   * @throws {VaultError} `CONFLICT` where the item shows anything else by now: show it again; `NOT_FOUND`, `NOT_OWNER`
   *
   * @example
   * const item = await session.items.get(id);
   * if (item.changed || item.slots.some((slot) => !slot.bound)) {
   *   if (await askUser(item)) await session.items.adopt(id, item.version);
   * }
   */
  adopt(id: string, version: string, options?: CallOptions): Promise<Item>;

  /**
   * Re-encrypts a received item under the user's own key, so that reading it needs the share's key no more. It stays the
   * owner's: values are still checked, and the owner's next update is under a share's key again.
   *
   * @throws {VaultError} `NOT_FOUND`, `ACCEPTANCE_REQUIRED`, `VALUE_NOT_AUTHENTIC`; `INVALID_ARGUMENT` for an own item
   */
  reencrypt(id: string, options?: CallOptions): Promise<Item>;

  /**
   * Removes a slot, with its value, from an own item.
   *
   * @throws {VaultError} `NOT_FOUND`, `NOT_OWNER`
   */
  removeSlot(slotId: string, options?: CallOptions): Promise<void>;

  /**
   * Encrypts a file and uploads it, piece by piece, then adds a slot to an own item that stands for it. Its value is the
   * file's key: the file is shared, updated and taken back with the item, without being sent again.
   *
   * Called again after it was cut off, with the same file, it goes on; longer files than 1 MiB also after a reload, and
   * without sending again what arrived. Of a stream everything is sent again.
   *
   * @param file a `File` has a name and a type; for others `options` says them. A stream's chunks are `Uint8Array`s
   * @param options `name`, needed where the file has none, and `type`, its media type: neither is encrypted, so that whoever
   *   runs the Vault reads them. `label`: the slot's; default: the name. `slot`: the name of the item's slot of type `image` or
   *   `attachment` that is to stand for the file; default: a new one. `thumbnail`: false makes none; otherwise a page makes a small
   *   picture of a JPEG, PNG, GIF, WebP, AVIF or BMP, and goes without where it cannot. Progress counts bytes
   * @throws {VaultError} `NOT_FOUND`, `NOT_OWNER`; `INVALID_ARGUMENT` for a file that changes while it is read, or that the
   *   server does not take; `CONFLICT` where the item keeps changing
   *
   * @example
   * const [picture] = document.querySelector('input[type=file]').files;
   * const attachment = await session.items.attach(car.id, picture, {
   *   onProgress: ({ done, total }) => console.log(`${done} of ${total} bytes`),
   * });
   * console.log(attachment.name, attachment.size);
   */
  attach(
    itemId: string,
    file: Platform<'Blob'> | Platform<'ReadableStream'> | Uint8Array,
    options?: CallOptions & { name?: string; type?: string; label?: string; slot?: string; thumbnail?: boolean },
  ): Promise<Attachment>;

  /**
   * The files of an item, own or received. A slot of the type `attachment` or `image` that holds no key of a file is left out.
   *
   * @throws {VaultError} As {@link Items.get}
   *
   * @example
   * for (const attachment of await session.items.attachments(car.id)) {
   *   image.src = URL.createObjectURL(await attachment.blob());
   * }
   */
  attachments(itemId: string, options?: CallOptions): Promise<Attachment[]>;

  /**
   * Deletes an own item with all its shares, or a received one with the share that brought it.
   *
   * @throws {VaultError} `NOT_FOUND`
   */
  delete(id: string, options?: CallOptions): Promise<void>;
}

/** A small picture of a file, encrypted like it. */
export interface Thumbnail {
  id: string;
  /** Pixels that it fits into. */
  size: '128x128' | '256x256' | '512x512';
  type: 'image/jpeg' | 'image/png';
}

/**
 * A file of an item, and the key that reads it. The key is wiped when the object is freed or collected.
 *
 * Nothing vouches for `name`, `type`, `size` and `createdAt`: they are what the server says. The bytes are the file's as it was
 * attached, or reading them fails.
 */
export class Attachment {
  private constructor();
  /** The Vault's id of the file. */
  readonly id: string;
  /** The item, by this user's id of it. */
  readonly itemId: string;
  /** The slot that stands for the file, by this user's id of it. */
  readonly slotId: string;
  /** The slot's. */
  readonly label: string;
  readonly name: string;
  readonly type: string;
  /** In bytes; of a file that a client of 2020 wrote, more than it has. Undefined where the server does not say. */
  readonly size: number | undefined;
  readonly createdAt: string;
  /** Small pictures of it, smaller ones first. Of sizes and types that this package does not know it has none. */
  readonly thumbnails: Thumbnail[];
  /**
   * Opens the file for reading, piece by piece, as fast as the stream is read. The stream fails with a `VaultError` where a
   * piece is not the file's; what it gave before is.
   *
   * @param options `start`, `end`: only these bytes, `end` excluded. `requireBound`: not where another client wrote the file
   *   piece by piece, of which a server can leave out and exchange some (`UNBOUND_VALUE`)
   * @throws {VaultError} `NOT_FOUND`, also where its share has ended; `MISPLACED`, `DECRYPTION_FAILED`
   *
   * @example
   * const handle = await showSaveFilePicker({ suggestedName: attachment.name });
   * await (await attachment.open()).pipeTo(await handle.createWritable());
   */
  open(
    options?: CallOptions & { start?: number; end?: number; requireBound?: boolean },
  ): Promise<Platform<'ReadableStream'>>;
  /**
   * The whole file. Its type is the file's only where a page can show that type without running anything of it:
   * pictures but SVG, sound, films, PDF and plain text. Of all else it is `application/octet-stream`.
   *
   * @throws {VaultError} As {@link Attachment.open}
   */
  blob(options?: CallOptions & { requireBound?: boolean }): Promise<Platform<'Blob'>>;
  /**
   * A small picture of the file: of this size, or else of 256 by 256 or the largest that there is. Undefined where there is none.
   *
   * @throws {VaultError} `NOT_FOUND`, also where its share has ended; `MISPLACED`, `DECRYPTION_FAILED`
   *
   * @example
   * for (const attachment of await session.items.attachments(car.id)) {
   *   const picture = await attachment.thumbnail();
   *   if (picture) image.src = URL.createObjectURL(picture);
   * }
   */
  thumbnail(options?: CallOptions & { size?: Thumbnail['size'] }): Promise<Platform<'Blob'> | undefined>;
  /**
   * Adds a small picture to an own file, for who makes one where {@link Items.attach} makes none: a JPEG or PNG of at most half a
   * megabyte, which fits into the size, 256 by 256 pixels where none is given. One of the same size and type is replaced.
   *
   * @throws {VaultError} `INVALID_ARGUMENT` for another format; `NOT_FOUND` for a file that was received
   */
  addThumbnail(
    picture: Platform<'Blob'> | Uint8Array,
    options?: CallOptions & { size?: Thumbnail['size'] },
  ): Promise<void>;
  /**
   * Removes the slot from an own item, and the file with it.
   *
   * @throws {VaultError} `NOT_FOUND`, `NOT_OWNER`
   */
  remove(options?: CallOptions): Promise<void>;
  /** Wipes the key. Otherwise it lives until the object is collected. */
  free(): void;
  /** The same as {@link Attachment.free}, for `using attachment = …`. */
  [Symbol.dispose](): void;
}

// ------------------------------------------------------------------------------------- Invitations and connections

/** An offer to connect. Whoever has the token can accept it, once. */
export interface Invitation {
  id: string;
  /**
   * What the invited user needs; hand it over, or let the Vault mail it. In lists it may be empty: this repository's
   * server keeps only its hash.
   */
  token: string;
  /**
   * Of an invitation by code, and the same as the token, which is in it: about 130 characters, to be sent, pasted or scanned by
   * a way that is not the server's.
   */
  code?: string;
  /**
   * Of an invitation by code: the address of a page with the code behind it, `<base>#vs1=<code>`. What stands behind `#` is sent
   * to no server; the page that is opened takes it out of its address at once, and gives it to {@link Connections.accept}.
   */
  link?(base: string | Platform<'URL'>): string;
  /** Where the Vault mails id and token, if it was asked to. */
  email?: string;
  /** What became of that message: `waiting` to be sent or tried again, `sent`, or `failed` and given up. */
  mail?: 'waiting' | 'sent' | 'failed';
  state?: string;
  createdAt?: string;
}

/** Offers to connect. */
export interface Invitations {
  /**
   * Makes a key pair for the connection, stores it encrypted, and publishes the public key in an invitation.
   *
   * @param invitation `name`: what this user calls the invited one, readable by this user alone; `email`: where the
   *   Vault is to send id and token, as people write it: spaces around it and a name before it are left out, and the
   *   domain may be in any script; `keypairId`: a key pair in the Keystore to be used instead of a new one; `by`: what the
   *   invited user is given. A `code` names this user's key and lets the other side prove theirs, so that the connection is
   *   {@link Connection.verified} for both, as surely as nobody else read the code on its way; before it is proved, everything
   *   that would disclose something is `UNVERIFIED_KEY`. A `token`, the default, does neither, and is for users of other apps
   * @throws {VaultError} `INVALID_ARGUMENT` with the server code `invalid_email` for what no mail can be sent to: the
   *   message says why; for a code that the server would mail, which would know it then, and for one with a `keypairId`, whose
   *   earlier codes others may know; `RATE_LIMITED` with `too_many_invitations`
   *
   * @example
   * const invitation = await alice.invitations.create({ name: 'Bob', by: 'code' });
   * show(invitation.link('https://your.app/'));
   */
  create(
    invitation: { name: string; email?: string; keypairId?: string; by?: 'code' | 'token' },
    options?: CallOptions,
  ): Promise<Invitation>;

  /** The invitations that this user made. */
  list(page?: PageOptions): Promise<Page<Invitation>>;

  /**
   * Takes an invitation back: it can no longer be accepted.
   *
   * @throws {VaultError} `NOT_FOUND`
   */
  cancel(id: string, options?: CallOptions): Promise<void>;
}

/**
 * Two users who can share with each other, as one of them sees it.
 *
 * The services hand out the other user's public key, so they could hand out one of their own. Which key was shown when
 * this user's key pair was made, or at the first disclosure, is kept where no server can alter it, and another one is
 * `KEY_CHANGED`. Two things remain: whether that first key was the other user's, nothing says until
 * {@link Connection.verified} does; and what was noted later than the key pair a server can withhold from a session without
 * memory. {@link Connection.ref} and {@link Session.exportMemory} end the second.
 */
export interface Connection {
  /** This user's id of it. The server gave it, and could answer for it with the connection to somebody else. */
  id: string;
  /**
   * The id with the {@link Connection.fingerprint}: `<id>~<fingerprint>`. It is taken wherever a connection's id is, and is
   * `KEY_CHANGED` where the server has another key there. Keep it instead of the id, above all between sessions.
   */
  ref: string;
  /** What this user calls the other. */
  name: string | null;
  /**
   * Whether the name was written for this connection. Other clients of the platform write names that name no place, and a
   * server can put such a name beside another connection: show it with a mark.
   */
  nameBound: boolean;
  /** The other user, as the server says: find a connection again by its {@link Connection.ref}. */
  userId: string;
  /** This user's public key for the connection, as PEM. */
  publicKey: string;
  /** This user's key pair for the connection, in the Keystore. */
  keypairId: string;
  /** The other user's id of it. */
  otherConnectionId: string;
  /** The other user's public key for the connection, as PEM. */
  otherPublicKey: string;
  otherKeypairId?: string;
  /** SHA-256 of the other user's public key for the connection: 64 hexadecimal digits. */
  fingerprint: string;
  /**
   * What both users can compare over another channel: it is the same for both, and differs if anyone, the server
   * included, put another key in the place of one of theirs.
   */
  safetyNumber: string;
  /**
   * Why the key is taken for the other user's. `compared`: this user compared safety numbers and said so by
   * {@link Connections.markVerified}. `code`: it came with the invitation's code, and is as good as the channel that the
   * code went through. False: it is the first key that the server showed, which may be the server's own.
   *
   * Show it wherever the name stands and before something is shared: "compared by you", "by code", or "not yet compared"
   * with the way to do it. Not as a failure: false is how every connection by a plain token begins.
   */
  verified: false | 'code' | 'compared';
  /**
   * Whether the server shows another key than the one that was accepted, or this connection's key for another connection or
   * user. Only {@link Connections.inspect} and {@link Connections.inspectAll} give such a connection; every other call
   * refuses it with `KEY_CHANGED`. `fingerprint` and `safetyNumber` are then those of what is shown.
   */
  keyChanged: boolean;
}

/** The users that this one can share with. */
export interface Connections {
  /**
   * Accepts an invitation, with a new key pair for the connection.
   *
   * @param invitation the code or the link with it (`…#vs1=CODE`), the token, or the link with token and id that a server mails
   *   (`…#invitation=ID.TOKEN`), with whatever a mail program left behind it; or token and id
   * @param details `name`: what this user calls the other, readable by this user alone; `keypairId`: a key pair in the
   *   Keystore to be used instead of a new one
   * @throws {VaultError} `INVALID_ARGUMENT` for what is neither code nor token, or was cut short; `NOT_FOUND` for an unknown or
   *   used one, `ALREADY_CONNECTED`; `KEY_CHANGED` where the server connects with another key than the code names, or than it
   *   showed beside the invitation: then there is no connection
   *
   * @example
   * const connection = await bob.connections.accept(token, { name: 'Alice' });
   * showForComparison(connection.safetyNumber);
   */
  accept(
    invitation: string | { token: string; id?: string },
    details: { name: string; keypairId?: string },
    options?: CallOptions,
  ): Promise<Connection>;

  /**
   * All connections of this user. One whose key nobody can use, or whose name does not decrypt, is in the page's `unreadable`.
   *
   * @throws {VaultError} `KEY_CHANGED` where one of them has another key than before, or two of them one key pair of this
   *   user's: {@link Connections.inspectAll} shows which
   */
  list(page?: PageOptions): Promise<Page<Connection>>;

  /**
   * @param id a connection's id or, better, its {@link Connection.ref}
   * @throws {VaultError} `NOT_FOUND`; `KEY_CHANGED` where the key is not the one of before, or not the reference's
   */
  get(id: string, options?: CallOptions): Promise<Connection>;

  /**
   * The connection as the server shows it now, also with a key that every other call refuses: to show its safety number
   * before {@link Connections.markVerified} or {@link Connections.trustNewKey}. Nothing is accepted by looking.
   *
   * @param id a connection's id or {@link Connection.ref}; the fingerprint of a reference is not compared
   * @throws {VaultError} `NOT_FOUND`
   */
  inspect(id: string, options?: CallOptions): Promise<Connection>;

  /** As {@link Connections.inspect}, of all connections of this user: to find the one with another key than before. */
  inspectAll(page?: PageOptions): Promise<Page<Connection>>;

  /**
   * Accepts another key than before, after the other user said over another channel that they have a new one. It is then
   * not `verified` until safety numbers were compared. The fingerprint is the one that was shown: an act that named the
   * connection only would trust whatever the server shows next.
   *
   * @param id as for {@link Connections.inspect}
   * @param fingerprint {@link Connection.fingerprint} of what was shown
   * @throws {VaultError} `KEY_CHANGED` where the server shows a third key; `NOT_FOUND`, `CONFLICT`
   *
   * @example
   * const shown = await session.connections.inspect(kept.ref);
   * if (shown.keyChanged && (await askUser(shown.safetyNumber)))
   *   await session.connections.trustNewKey(shown.id, shown.fingerprint);
   */
  trustNewKey(id: string, fingerprint: string, options?: CallOptions): Promise<Connection>;

  /**
   * Notes that the user compared the safety number with the other over another channel and it was the same: from then on
   * the connection is `verified: 'compared'`, in every session of this user, and no other key is accepted.
   *
   * @param id as for {@link Connections.inspect}
   * @param safetyNumber the number that was compared; spaces do not count
   * @throws {VaultError} `KEY_CHANGED` where the keys that the server shows now have another number; `NOT_FOUND`, `CONFLICT`
   */
  markVerified(id: string, safetyNumber: string, options?: CallOptions): Promise<Connection>;

  /**
   * Ends a connection, for both users. What is written later is not encrypted for the other any more, with the limit that
   * {@link Shares.delete} has.
   *
   * What was shared over it stays, and each keeps the items that they received, which may be the only copies they have.
   * With `endShares` every share between the two ends first, in both directions, and the received copies go with them; so
   * do those that were shared on from them. A call that failed half-way goes on where it stopped when it is made again.
   * Shares of {@link EncryptionSpaces} end with the connection in any case.
   *
   * @param id a connection's id or, better, its {@link Connection.ref}
   * @throws {VaultError} `NOT_FOUND`; `KEY_CHANGED` where the key is not the reference's
   */
  delete(id: string, options?: CallOptions & { endShares?: boolean }): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------------- Shares

/** Whether a share's terms have to be, or were, accepted. */
export type Acceptance = 'acceptance_required' | 'acceptance_not_required' | 'accepted' | 'rejected';

/** That one user shares an item with another. */
export interface Share {
  id: string;
  /** The owner's id of the item. */
  itemId: string;
  /** The one slot that is shared, where it is not the whole item. */
  slotId?: string;
  /** Whose item it is. */
  ownerId: string;
  /** Who shared it: the owner, or somebody whom they allowed to. */
  senderId: string;
  recipientId: string;
  acceptance: Acceptance;
  /** Who may share the item with the recipient's connections: its owner only, or anyone who has it. */
  sharingMode: 'owner' | 'anyone';
  /** What the recipient agrees to. */
  terms?: string;
  /** After this the recipient no longer has the item. */
  expiresAt?: string;
  createdAt: string;
  /** The recipient's public key that the share is encrypted for, as PEM. */
  publicKey?: string;
  keypairId?: string;
  /** The share's key, encrypted for the recipient. */
  encryptedDek?: string;
}

/** A share that the user made. */
export interface OutgoingShare extends Share {
  /**
   * Whether the item's changes are encrypted for it: this user's clients have noted that it may be, for this very key, and
   * it was neither taken back in this session nor has it ended. Absent for a share of somebody else's item, whose owner
   * decides. A share that is not granted was made by another client, or invented by the server; {@link Shares.refresh}
   * with `include` lets it in.
   */
  granted?: boolean;
}

/** A share to be made. */
export interface NewShare {
  itemId: string;
  /** The connection's id or, better, its {@link Connection.ref}. */
  connectionId: string;
  /** Share this slot only. */
  slotId?: string;
  /** What the recipient agrees to by accepting. */
  terms?: string;
  /** Whether the recipient has to accept before reading; default: when there are terms. */
  acceptanceRequired?: boolean;
  /** Whether the recipient may share on; default false. */
  onSharing?: boolean;
  /** After this the recipient no longer has the item, as long as the server keeps to it. */
  expiresAt?: string | Date;
  /** {@link Item.version} of what the user was shown; left out, whatever the item shows by then is shared. */
  version?: string;
}

/** A change of a share of an own item; what is left out stays. */
export interface ShareChange {
  /** The share. Item and connection say what the user takes it for: the server could answer with another one. */
  shareId: string;
  /** The item that it shares. */
  itemId: string;
  /** The connection with its recipient: its id or, better, its {@link Connection.ref}. */
  connectionId: string;
  /** When it ends; null for never. */
  expiresAt?: string | Date | null;
  /** Whether the recipient may share on. */
  onSharing?: boolean;
}

/**
 * A share that a refresh left out: whoever it names does not get what was written since. Shares that other clients of the
 * user made are left out until they are let in, and so is what a server invents: let in only a key that the user knows.
 */
export interface LeftOut {
  /** As the server tells it. */
  shareId: string;
  /** The user it is for, as the server tells it; absent where it does not. */
  recipientId?: string;
  /** The one slot that it is of, as the server tells it; absent for the whole item. */
  slotId?: string;
  /** Of the key that the server lists for it, {@link Connection.fingerprint} of the recipient; absent where it lists none. */
  fingerprint?: string;
  /** When the share ends, as the server tells it; absent where it does not end. */
  expiresAt?: string;
  /**
   * `no grant`: no client of this user has noted that it may be encrypted for; so are shares that were made by other
   * clients, and those that a server invents. `key changed`: noted for another key. `expired`: its time is over, or its
   * slot is gone. `not permitted`: shared on by somebody who may not, or not this much. `revoked`: this session took it
   * back.
   */
  why: 'no grant' | 'key changed' | 'expired' | 'not permitted' | 'revoked';
}

/** A share that a refresh is to let in, by what was shown of it: under an id alone the server could exchange the key. */
export interface IncludedShare {
  /** {@link LeftOut.shareId}. */
  shareId: string;
  /** {@link LeftOut.fingerprint}, once it was seen to be the key of the person meant. */
  fingerprint: string;
  /** The one slot that they may read; null, or left out, for the whole item. The user decides: show it. */
  scope?: string | null;
  /** Whether they may share it on; default false. */
  onSharing?: boolean;
  /** When it ends: pass {@link LeftOut.expiresAt} as it was shown. Left out, whatever the server says by then. */
  expiresAt?: string | Date;
}

/** Items shared, in both directions. */
export interface Shares {
  /**
   * Re-encrypts the item under a key of its own, encrypts that key for the recipient, and stores both, with a note that only
   * this user's clients can write, that later changes may be encrypted for the recipient too.
   *
   * A connection that this session has listed or fetched is not asked for again: the recipient's key is the one seen then.
   * The first thing that is shared over a connection fixes its key for this user's later sessions.
   *
   * Nothing is sent where the item is {@link Item.changed} or a value that would be shared is not {@link Slot.bound}. Received
   * values that are not bound can be shared on with the whole item, and not by slot.
   *
   * @throws {VaultError} `NOT_FOUND`, `NOT_CONNECTED`, `ON_SHARING_NOT_PERMITTED`; `ITEM_CHANGED`, `UNBOUND_VALUE`;
   *   `UNVERIFIED_KEY`; `CONFLICT`, also where the item shows something else than `version`; where the connection is
   *   fetched, before or after a refusal, also `WEAK_KEY` and `KEY_CHANGED` (the server offers a key for the recipient
   *   that must not be used)
   *
   * @example
   * const { entries } = await alice.connections.list();
   * const bob = entries.find((connection) => connection.name === 'Bob');
   * const { id: itemId, version } = await alice.items.get(car.id);
   * await alice.shares.create({ itemId, version, connectionId: bob.ref, expiresAt: '2030-01-01T00:00:00Z' });
   */
  create(share: NewShare, options?: CallOptions): Promise<Share>;

  /**
   * What others share with this user.
   *
   * @param filter `mustAccept`: only those whose terms wait to be accepted; `connectionId`: only those of this sender. Of a
   *   {@link Connection.ref} the id counts: a list is the server's word
   */
  incoming(filter?: { mustAccept?: boolean; connectionId?: string }, page?: PageOptions): Promise<Page<Share>>;

  /**
   * What this user shares with others.
   *
   * @param filter `itemIds`: only of these items; `connectionId`: only with this recipient. Of a {@link Connection.ref} the
   *   id counts: a list is the server's word
   */
  outgoing(filter?: { itemIds?: string[]; connectionId?: string }, page?: PageOptions): Promise<Page<OutgoingShare>>;

  /**
   * A share and its item, decrypted; values are checked to be those that their owner wrote.
   *
   * @throws {VaultError} `NOT_FOUND`; `ACCEPTANCE_REQUIRED` before {@link Shares.accept}, with the terms readable
   *   through {@link Shares.info}; `DECRYPTION_FAILED`, `VALUE_NOT_AUTHENTIC`, `MISPLACED`, `ROLLED_BACK`,
   *   `SENDER_NOT_PROVEN`
   *
   * @example
   * const { entries } = await bob.shares.incoming();
   * const { item } = await bob.shares.get(entries[0].id);
   * console.log(item.label, item.value('licence_plate'));
   */
  get(id: string, options?: ReadOptions): Promise<{ share: Share; item: Item }>;

  /**
   * A share without its item: its terms, its state and who takes part.
   *
   * @throws {VaultError} `NOT_FOUND`
   */
  info(id: string, options?: CallOptions): Promise<Share>;

  /**
   * Accepts a share and its terms, after which it can be read.
   *
   * @throws {VaultError} `NOT_FOUND`
   */
  accept(id: string, options?: CallOptions): Promise<Share>;

  /**
   * Changes how long a share of an own item lasts and whether its recipient may share on. What was shared on from it
   * follows: it ends no later, and at once where sharing on is no longer permitted. The limit of taking back that
   * {@link Shares.delete} has holds here too.
   *
   * @throws {VaultError} `NOT_FOUND`, `NOT_CONNECTED`, `NOT_OWNER`; `BAD_RESPONSE` where the share is not one of this item
   *   for this recipient, or is not `granted`: {@link Shares.refresh} with `include` lets it in; `UNVERIFIED_KEY`,
   *   `KEY_CHANGED`
   *
   * @example
   * await alice.shares.change({ shareId: share.id, itemId: car.id, connectionId: bob.ref, onSharing: false });
   */
  change(change: ShareChange, options?: CallOptions): Promise<Share>;

  /**
   * Ends a share and removes the recipient's copy of the item. Either side may.
   *
   * What the recipient has read, they know. What is written later is not encrypted for them again in this session, or in
   * one that has imported its memory, whatever the server lists. The limit: to a session without that memory a server can
   * show the old share again, and gets what is written from then on encrypted for its recipient. Who needs certainty makes
   * a new item of the values and deletes this one: nothing that was permitted for an item holds for another.
   *
   * @throws {VaultError} `NOT_FOUND`
   */
  delete(id: string, options?: CallOptions): Promise<void>;

  /**
   * Re-encrypts an own item, as it is now, for everyone who may read it, under a fresh key for each scope (the whole item,
   * or one slot). This is what the client task `update_item_shares` runs.
   *
   * The list of shares is the server's, which could invent one. A share counts if a client of this user has noted, where no
   * server can forge it, that it may be encrypted for, for this very key; and if somebody who was permitted to share on has
   * signed it. All others are left out and named. Those that the user knows are let in by `include`, and count from then on.
   *
   * @param options `include`: shares to let in, as they were shown
   * @returns `shares`: for how many it was re-encrypted; `onShares`: how many of these a recipient made; `leftOut`: the
   *   others
   * @throws {VaultError} `NOT_FOUND`, `NOT_OWNER`; `ITEM_CHANGED`, `UNBOUND_VALUE`: adopt the item first; `CONFLICT` where
   *   the item keeps changing meanwhile
   *
   * @example
   * const { leftOut } = await session.shares.refresh(car.id);
   * // Whose key it is shows the fingerprint: that of the connection with the person meant, or what they say theirs is.
   * const chosen = await askUserWhom(leftOut.filter(({ why }) => why !== 'expired'));
   * const include = chosen.flatMap(({ shareId, fingerprint, slotId: scope, expiresAt }) =>
   *   fingerprint ? [{ shareId, fingerprint, scope, expiresAt }] : [],
   * );
   * if (include.length > 0) await session.shares.refresh(car.id, { include });
   */
  refresh(
    itemId: string,
    options?: CallOptions & { include?: IncludedShare[] },
  ): Promise<{ shares: number; onShares: number; leftOut: LeftOut[] }>;
}

// ----------------------------------------------------------------------------------------------- Encryption spaces

/** A share of the first protocol. */
export interface SpaceShare {
  id: string;
  /** The connection between its two users, by the reading user's id of it. */
  connectionId: string;
  /** The item, by its owner's id: no copy is made. */
  itemId: string;
  /** The one slot that is shared, where it is not the whole item. */
  slotId?: string;
  /** The space that this side of the connection has; absent before its key was claimed. */
  encryptionSpaceId?: string;
  /** The owner. */
  senderId?: string;
  recipientId?: string;
  /** For the recipient to read; nothing has to be accepted. */
  terms?: string;
  /** After this the recipient no longer has the item. */
  expiresAt?: string;
  createdAt?: string;
}

/**
 * Sharing by the platform's first protocol: two connected users have one key between them, which the first of them to
 * share makes and the other claims, and everything that they share with each other is under it. Both protocols can be
 * used on one connection.
 *
 * Prefer {@link Session.shares}: there the sender's client makes a fresh key for each new share, and one for all shares
 * of an item when it is updated; and a value that was altered by who shared it on is noticed, if the Vault, which keeps
 * the owner's hash of it, is honest. This is for users whose other clients know the first protocol only.
 */
export interface EncryptionSpaces {
  /**
   * Encrypts an own item under the connection's key and shares it. The key is made, or claimed, where that has not been
   * done. What is shared with the recipient already gets the present values and terms: so a change is passed on.
   *
   * A key that was claimed came through the server, which could have made it. So sharing is under a key that this user's
   * client made, or that the other user's client signed. Another one, as other clients of the platform leave it, is
   * `UNVERIFIED_KEY`, and accepted by `acceptUnproven` only.
   *
   * @param share `connectionId`: the connection's id or, better, its {@link Connection.ref}; `acceptUnproven`:
   *   {@link Connection.fingerprint} of the recipient, to share also under a key that only the server says to be theirs
   * @throws {VaultError} `NOT_FOUND`, `NOT_OWNER`, `NOT_CONNECTED`, `WEAK_KEY` and `KEY_CHANGED` (the server offers a key
   *   for the recipient that must not be used), `UNVERIFIED_KEY`, `ITEM_CHANGED`, `UNBOUND_VALUE`, `CONFLICT`
   *
   * @example
   * const share = await alice.encryptionSpaces.share({ itemId: car.id, connectionId: toBob.ref });
   * const { item } = await bob.encryptionSpaces.get(share.id);
   */
  share(
    share: {
      itemId: string;
      connectionId: string;
      slotId?: string;
      terms?: string;
      expiresAt?: string | Date;
      acceptUnproven?: string;
    },
    options?: CallOptions,
  ): Promise<SpaceShare>;

  /** What others share with this user, or this user with others. */
  list(direction: 'incoming' | 'outgoing', page?: PageOptions): Promise<Page<SpaceShare>>;

  /**
   * A share and its item, decrypted. Claims the connection's key first, if this side has not done so.
   *
   * @throws {VaultError} `NOT_FOUND`; `FORBIDDEN` where the key is not handed out, for example because this device's clock
   *   is wrong by more than five minutes; `DECRYPTION_FAILED`
   */
  get(id: string, options?: CallOptions): Promise<{ share: SpaceShare; item: Item }>;

  /**
   * Ends a share. Either side may.
   *
   * @throws {VaultError} `NOT_FOUND`
   */
  delete(id: string, options?: CallOptions): Promise<void>;
}

// ------------------------------------------------------------------------------------------------- Classifications

/** A name that items, slots and templates are sorted under. */
export interface Classification {
  id: string;
  /** The machine name. */
  name: string;
  /** The name for people. Not encrypted. */
  label: string;
  description?: string;
  /** The hierarchy that it belongs to: `tag` is the user's own, others are everybody's. */
  scheme?: string;
  /** Whether it is the user's own. */
  own: boolean;
}

/** The names that items are sorted under. An item is put under one by {@link Items.create} and {@link Items.update}. */
export interface Classifications {
  /** @param filter `scheme`: of this hierarchy; `name`: a part of the machine name or label; `own`: the user's own, or not */
  list(filter?: { scheme?: string; name?: string; own?: boolean }, page?: PageOptions): Promise<Page<Classification>>;

  /** @throws {VaultError} `NOT_FOUND` */
  get(id: string, options?: CallOptions): Promise<Classification>;

  /**
   * Makes one in a hierarchy of the user's own, or gives the one that is there of this name or of this very label. `C` and
   * `C++` are two, with names of their own.
   */
  create(
    node: { scheme: string; name?: string; label?: string; description?: string; image?: string },
    options?: CallOptions,
  ): Promise<Classification>;
}

// ----------------------------------------------------------------------------------------------------------- Tasks

/** Work that only this user's keys can do, as the Vault queued it. */
export interface ClientTask {
  id: string;
  state: 'todo' | 'in_progress' | 'done' | 'failed';
  /** What is to be done: `update_item_shares`, to re-encrypt a changed item for those it is shared with. */
  workType: string;
  /** What it is to be done to: for `update_item_shares`, the item. */
  targetId: string;
  createdAt: string;
  /** What the client that ran it reported. */
  report: unknown;
}

/** Work that only this user's keys can do. */
export interface ClientTasks {
  /** @param filter `states`: in one of these, default those to be done; `targetId`: about this record */
  list(filter?: { states?: ClientTask['state'][]; targetId?: string }, page?: PageOptions): Promise<Page<ClientTask>>;

  /** How many tasks are not done yet. */
  count(options?: CallOptions): Promise<{ todo: number; inProgress: number }>;

  /**
   * Runs the waiting tasks and reports the outcome of each. One that fails does not stop the others, and can be run
   * again. A task is the server's wish: whom it reaches is decided as in {@link Shares.refresh}.
   *
   * @param options `limit`: how many to run at the most
   * @returns `completed`: what was run, with the shares that were left out; `failed`: what was not, with the reason
   *
   * @example
   * const { outstandingTasks } = await session.items.update(car.id, { slots: { model_make: 'Mazda' } });
   * if (outstandingTasks.todo > 0) await session.tasks.run();
   */
  run(options?: CallOptions & { limit?: number }): Promise<{
    completed: (ClientTask & { leftOut: LeftOut[] })[];
    failed: (ClientTask & { reason: VaultError })[];
  }>;
}

// ------------------------------------------------------------------------------------------------------ Primitives

/**
 * An AES-256-GCM key, for those who bring their own workflow. Ciphertexts are text, and authenticated: one that was
 * changed does not decrypt.
 *
 * @example
 * const key = SymmetricKey.generate();
 * const envelope = await key.encryptString('for nobody else');
 * console.log(await key.decryptString(envelope));
 * key.free();
 */
export class SymmetricKey {
  private constructor();
  /** A new random key. */
  static generate(): SymmetricKey;

  /**
   * Derives a key from a passphrase as it is spelled: PBKDF2 with HMAC-SHA256. What is derived elsewhere from another
   * spelling of the same text is another key: `passphrase.normalize()` first where no other client takes part.
   *
   * @param salt at least 8 bytes, other ones for every passphrase, to be kept beside the ciphertext
   * @param iterations from 20,000 to 10,000,000; 100,000 take some 20 ms
   * @throws {VaultError} `INVALID_ARGUMENT`
   */
  static fromPassphrase(passphrase: string, salt: Uint8Array, iterations: number): Promise<SymmetricKey>;

  /**
   * Reads what {@link SymmetricKey.export} wrote.
   *
   * @throws {VaultError} `INVALID_ARGUMENT`
   */
  static import(base64url: string): SymmetricKey;

  /** The key's 32 bytes in base64url, padded. The text cannot be wiped from memory: whoever asks for it keeps it safe. */
  export(): string;

  /** Encrypts a text. The empty text gives null, as the format has no empty ciphertext. */
  encryptString(text: string): Promise<string | null>;

  /**
   * Decrypts a text; null gives null.
   *
   * @throws {VaultError} `DECRYPTION_FAILED`, `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`
   */
  decryptString(envelope: string | null): Promise<string | null>;

  /** @throws {VaultError} `INVALID_ARGUMENT` for no bytes, as the format has no empty ciphertext */
  encryptBytes(bytes: Uint8Array): Promise<string>;

  /** @throws {VaultError} `DECRYPTION_FAILED`, `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM` */
  decryptBytes(envelope: string): Promise<Uint8Array>;

  /** Encrypts another key under this one. */
  wrapKey(key: SymmetricKey): Promise<string>;

  /**
   * Decrypts what {@link SymmetricKey.wrapKey} made.
   *
   * @throws {VaultError} `DECRYPTION_FAILED`, `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`
   */
  unwrapKey(envelope: string): Promise<SymmetricKey>;

  /** Wipes the key from memory. It cannot be used afterwards. */
  free(): void;
  /** The same as {@link SymmetricKey.free}, for `using key = …`. */
  [Symbol.dispose](): void;
}

/**
 * An RSA key pair, for those who bring their own workflow. Encryption is OAEP, signatures are PKCS#1 v1.5 with SHA-256.
 *
 * @example
 * const pair = await KeyPair.generate();
 * const envelope = await PublicKey.import(pair.publicKeyPem).encryptKey(key);
 * const same = await pair.decryptKey(envelope);
 */
export class KeyPair {
  private constructor();
  /**
   * A new random key pair. 4096 bits, the default, take a second or more; other sizes are for tests.
   *
   * Off the page's thread: by `crypto.subtle`, or where there is none in a worker that the package brings, into which it
   * loads its second module (`on_demand_bg.wasm`). A Content Security Policy with a `worker-src` has to allow `'self'`
   * for that; where it does not, the module works in the page's own thread.
   *
   * @throws {VaultError} `NETWORK` or `BAD_RESPONSE` if the second module cannot be loaded; so does every use of a key pair
   *   where there is no `crypto.subtle`
   */
  static generate(bits?: 4096 | 3072 | 2048): Promise<KeyPair>;

  /**
   * Reads a private key, PKCS#1 or PKCS#8: the first in a text, which may be indented and have other text around it.
   *
   * @throws {VaultError} `INVALID_ARGUMENT`
   */
  static import(privateKeyPem: string): Promise<KeyPair>;

  /** The public key as SPKI PEM with CRLF line ends. */
  readonly publicKeyPem: string;
  /** SHA-256 of the public key's SPKI DER, for people to compare. */
  readonly fingerprint: string;

  /** The private key as PKCS#1 PEM, encrypted under `kek`: what the Keystore stores. */
  wrapWith(kek: SymmetricKey): Promise<string>;

  /**
   * Decrypts what {@link KeyPair.wrapWith} made.
   *
   * @throws {VaultError} `DECRYPTION_FAILED`, `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`
   */
  static unwrap(envelope: string, kek: SymmetricKey): Promise<KeyPair>;

  /**
   * Decrypts a key that was encrypted with {@link PublicKey.encryptKey}.
   *
   * @throws {VaultError} `DECRYPTION_FAILED`, `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`
   */
  decryptKey(envelope: string): Promise<SymmetricKey>;

  /**
   * Decrypts bytes that were encrypted with {@link PublicKey.encryptBytes}.
   *
   * @throws {VaultError} `DECRYPTION_FAILED`, `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`
   */
  decryptBytes(envelope: string): Promise<Uint8Array>;

  /** A signature that carries the data it is of. */
  sign(data: Uint8Array): Promise<string>;

  /** Wipes the private key from memory. It cannot be used afterwards. */
  free(): void;
  /** The same as {@link KeyPair.free}, for `using pair = …`. */
  [Symbol.dispose](): void;
}

/** Somebody's RSA public key. */
export class PublicKey {
  private constructor();
  /**
   * Reads a public key, SPKI or PKCS#1: the first in a text, which may be indented and have other text around it.
   *
   * @throws {VaultError} `WEAK_KEY` below 2048 bits and for exponents other than 65537, `UNSUPPORTED_ALGORITHM`, `INVALID_ARGUMENT`,
   *   also for a text that has a private key in it as well
   */
  static import(pem: string): PublicKey;

  /** SHA-256 of the key's SPKI DER, for people to compare. */
  readonly fingerprint: string;

  /** Encrypts a key for the holder of the private key. */
  encryptKey(key: SymmetricKey): Promise<string>;

  /**
   * Encrypts bytes for the holder of the private key.
   *
   * @param bytes at most 470 for a 4096-bit key
   * @throws {VaultError} `INVALID_ARGUMENT` for more
   */
  encryptBytes(bytes: Uint8Array): Promise<string>;

  /**
   * The signed data, if the holder of the private key signed it.
   *
   * @throws {VaultError} `DECRYPTION_FAILED` if not
   */
  verify(signature: string): Promise<Uint8Array>;

  free(): void;
  /** The same as {@link PublicKey.free}, for `using key = …`. */
  [Symbol.dispose](): void;
}

/**
 * Decrypts an envelope that carries its own key derivation (`…Pbkdf2Hmac…`). The passphrase is tried as it is, then in
 * Unicode's forms C and D.
 *
 * @throws {VaultError} `DECRYPTION_FAILED` for a wrong passphrase, `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`
 */
export function decryptWithPassphrase(envelope: string, passphrase: string): Promise<Uint8Array>;

/**
 * A text as a QR code, for the camera of another device: an SVG document, black on white with its margin. It takes any text of
 * up to 2,331 bytes. The first call loads the package's second module.
 *
 * - `qrCode(invitation.link(base))`, shown to whom the user stands beside, is a way for the code that no server is on.
 * - `qrCode(connection.safetyNumber)`, scanned by the other user's app, is compared without reading digits aloud: what the
 *   camera reads is what {@link Connections.markVerified} takes.
 *
 * @throws {VaultError} `INVALID_ARGUMENT` for a longer text; `NETWORK` or `BAD_RESPONSE` if the second module cannot be loaded
 *
 * @example
 * image.src = `data:image/svg+xml,${encodeURIComponent(await qrCode(invitation.link(location.href)))}`;
 */
export function qrCode(text: string): Promise<string>;
