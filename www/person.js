/**
 * One person on the page: their session and what they have seen so far. All calls into the package are here; the
 * panes only show this state and ask for the next step. This file is also the shortest answer to
 * "how do I use the package".
 */
import { VaultClient } from './pkg/index.js';

export class Person extends EventTarget {
  #client;
  #pendingSecret = null;

  constructor(name, { vaultUrl, keystoreUrl, fetch }) {
    super();
    this.name = name;
    this.address = `${name.toLowerCase()}@example.org`;
    this.#client = new VaultClient({ vaultUrl, keystoreUrl, fetch });
    this.#forgetEverything();
  }

  get userId() {
    return this.session?.userId ?? null;
  }

  /**
   * Makes the user. The secret is handed to `showSecret` before anything is registered, because without it there is
   * no way back in. A registration that was cut off goes on with the same secret when tried again.
   */
  async create(passphrase, showSecret, options) {
    this.#pendingSecret ??= await this.#client.newSecret(options);
    showSecret(this.#pendingSecret);
    let session;
    try {
      session = await this.#client.createUser(passphrase, { ...options, secret: this.#pendingSecret });
    } catch (error) {
      // The secret is taken, with another passphrase: the next attempt needs a fresh one.
      if (error.code === 'LOGIN_FAILED') this.#pendingSecret = null;
      throw error;
    }
    this.#pendingSecret = null;
    await this.#start(session);
  }

  async signIn(secret, passphrase, options) {
    await this.#start(await this.#client.signIn(secret, passphrase, options));
  }

  /** Has this browser keep the session until its end, and says when that is. Each person here has a name of their own. */
  keepSignedIn(options) {
    return this.session.remember({ ...options, name: this.name });
  }

  /** Goes on with the session that this browser keeps, if there is one. */
  async resume() {
    const session = await this.#client.resume({ name: this.name });
    if (session) await this.#start(session);
  }

  /** Null where the session was resumed: the browser does not keep it. */
  get secret() {
    try {
      return this.session?.secret ?? null;
    } catch {
      return null;
    }
  }

  async signOut(options) {
    const { session } = this;
    try {
      await session.signOut(options);
    } finally {
      // Also when the server could not be told: the keys leave the memory now.
      session.close();
      this.#forgetEverything();
      this.#changed();
    }
  }

  /** Wipes the keys when the page goes away. */
  close() {
    this.session?.close();
  }

  async refresh(options) {
    const { session } = this;
    const [items, connections, outgoing, incoming, outstanding, templates] = await Promise.all([
      session.items.list({ own: true }, { ...options, all: true }),
      this.#listConnections(options),
      session.shares.outgoing({}, { ...options, all: true }),
      session.shares.incoming({}, { ...options, all: true }),
      session.tasks.count(options),
      this.templates.length ? null : session.templates.list({}, { ...options, all: true }),
    ]);
    const opened = await session.items.getMany(
      items.entries.map(({ id }) => id),
      options,
    );
    // What was read before may have changed since; what cannot be read again stays as it was seen.
    const read = incoming.entries.filter(({ id }) => this.received.has(id));
    const reread = await Promise.allSettled(read.map(({ id }) => session.shares.get(id, options)));
    if (this.session !== session) return; // Signed out meanwhile.
    // A new connection while an invitation was out: it was accepted, and its token is used up.
    if (connections.length > this.connections.length) this.invitation = null;
    this.items = opened.flatMap(({ item }) => item ?? []);
    this.unreadable = opened.flatMap(({ id, error }) => (error ? { id, error } : []));
    this.connections = connections;
    this.outgoing = outgoing.entries;
    this.incoming = incoming.entries;
    this.outstanding = outstanding;
    if (templates) this.templates = templates.entries;
    for (const id of this.received.keys()) {
      if (!this.incoming.some((share) => share.id === id)) this.received.delete(id);
    }
    for (const { value } of reread) if (value) this.received.set(value.share.id, value.item);
    this.#changed();
  }

  async storeItem(template, label, slots, options) {
    const item = await this.session.items.create({ template, label, slots }, options);
    this.items = [...this.items, item];
    this.#changed();
    return item;
  }

  /**
   * Changes one value, unless somebody wrote it since it was shown here (`CONFLICT`). Those it is shared with see the change
   * when the client tasks are run that it leaves.
   */
  async changeItem(itemId, slotName, value, options) {
    const shown = this.items.find(({ id }) => id === itemId)?.slots.find(({ name }) => name === slotName);
    const { id, revision, updatedAt } = shown ?? {};
    const slots = [{ name: slotName, id, revision, updatedAt, value }];
    const { item, outstandingTasks } = await this.session.items.update(itemId, { slots }, options);
    this.items = this.items.map((known) => (known.id === itemId ? item : known));
    this.outstanding = outstandingTasks;
    this.#changed();
    return item;
  }

  /** Adds a file to an item, whose slot holds the file's key: whoever has the item gets the file with it. */
  async attach(itemId, file, options) {
    const attachment = await this.session.items.attach(itemId, file, options);
    attachment.free();
    const item = await this.session.items.get(itemId);
    this.items = this.items.map((known) => (known.id === itemId ? item : known));
    this.outstanding = await this.session.tasks.count();
    this.#changed();
  }

  filesOf(itemId) {
    return this.session.items.attachments(itemId);
  }

  /** Takes an item for the person's own as it is shown, after somebody else wrote it or the server changed it. */
  async adopt({ id, version }, options) {
    const adopted = await this.session.items.adopt(id, version, options);
    this.items = this.items.map((known) => (known.id === id ? adopted : known));
    this.outstanding = await this.session.tasks.count(options);
    this.#changed();
  }

  async runTasks(options) {
    const { completed, failed } = await this.session.tasks.run(options);
    this.outstanding = await this.session.tasks.count(options);
    for (const { targetId, leftOut } of completed) this.#noteLeftOut(targetId, leftOut);
    this.#changed();
    if (failed.length > 0) throw failed[0].reason;
    return completed.length;
  }

  /** Lets in one whom an update left out, by the key that was shown: under an id alone the server could exchange it. */
  async letIn({ itemId, shareId, fingerprint, slotId: scope, onSharing }, options) {
    const include = [{ shareId, fingerprint, scope, onSharing }];
    const { leftOut } = await this.session.shares.refresh(itemId, { ...options, include });
    this.#noteLeftOut(itemId, leftOut);
    this.#changed();
  }

  #noteLeftOut(itemId, leftOut) {
    const ofOthers = this.leftOut.filter((entry) => entry.itemId !== itemId);
    const mode = (shareId) => this.outgoing.find(({ id }) => id === shareId)?.sharingMode;
    const ofThis = leftOut.map((entry) => ({ ...entry, itemId, onSharing: mode(entry.shareId) === 'anyone' }));
    this.leftOut = [...ofOthers, ...ofThis];
  }

  /** What this person may share: the own items, and those received whose share permits it. */
  get shareable() {
    const mayShareOn = this.incoming.filter(({ id, sharingMode }) => sharingMode === 'anyone' && this.received.has(id));
    return [...this.items, ...mayShareOn.map(({ id }) => this.received.get(id))];
  }

  async invite(name, email, options) {
    const invitation = await this.session.invitations.create(
      { name, ...(email ? { email } : { by: 'code' }) },
      options,
    );
    this.invitation = { ...invitation, name };
    this.#changed();
    return this.invitation;
  }

  /** What became of the message that carries an invitation. */
  async mailOf(invitationId) {
    const { entries } = await this.session.invitations.list({ all: true });
    return entries.find(({ id }) => id === invitationId)?.mail ?? 'failed';
  }

  /** @param given a token, or a link from a message */
  async acceptInvitation(given, name, options) {
    const connection = await this.session.connections.accept(given, { name }, options);
    this.connections = [...this.connections.filter(({ id }) => id !== connection.id), connection];
    this.#changed();
    return connection;
  }

  /** @param number the safety number that the other reads out */
  async markCompared({ ref }, number, options) {
    this.#keepConnection(await this.session.connections.markVerified(ref, number, options));
  }

  /** Accepts the new key of a connection, as it was shown. */
  async trustNewKey({ ref, fingerprint }, options) {
    this.#keepConnection(await this.session.connections.trustNewKey(ref, fingerprint, options));
  }

  #keepConnection(connection) {
    this.connections = this.connections.map((known) => (known.id === connection.id ? connection : known));
    this.#changed();
  }

  /** Where the server shows another key for one of them, the list is refused: then each as it is, to be decided on. */
  async #listConnections(options) {
    const { connections } = this.session;
    const all = { ...options, all: true };
    const { entries } = await connections.list(all).catch((error) => {
      if (error.code !== 'KEY_CHANGED') throw error;
      return connections.inspectAll(all);
    });
    return entries;
  }

  /** @param connectionRef its id with the fingerprint of the key: an id is the server's, who could exchange what it names */
  async share({ id: itemId, version }, connectionRef, { terms, onSharing }, options) {
    const share = await this.session.shares.create(
      { itemId, version, connectionId: connectionRef, onSharing, ...(terms && { terms }) },
      options,
    );
    this.outgoing = [...this.outgoing, share];
    this.#changed();
    return share;
  }

  async acceptTerms(shareId, options) {
    const share = await this.session.shares.accept(shareId, options);
    this.incoming = this.incoming.map((known) => (known.id === share.id ? share : known));
    this.#changed();
  }

  async read(shareId, options) {
    const { item } = await this.session.shares.get(shareId, options);
    this.received.set(shareId, item);
    this.#changed();
    return item;
  }

  async deleteShare(shareId, options) {
    await this.session.shares.delete(shareId, options);
    this.outgoing = this.outgoing.filter(({ id }) => id !== shareId);
    this.leftOut = this.leftOut.filter((entry) => entry.shareId !== shareId);
    this.incoming = this.incoming.filter(({ id }) => id !== shareId);
    this.received.delete(shareId);
    this.#changed();
  }

  async #start(session) {
    this.session = session;
    this.#changed();
    await this.refresh();
  }

  #forgetEverything() {
    this.session = null;
    this.items = [];
    this.unreadable = [];
    this.connections = [];
    this.outgoing = [];
    /** The shares that the last update of their item left out. */
    this.leftOut = [];
    this.incoming = [];
    this.templates = [];
    this.invitation = null;
    this.outstanding = { todo: 0, inProgress: 0 };
    /** Share id → the decrypted item, for the shares that were read. */
    this.received = new Map();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}
