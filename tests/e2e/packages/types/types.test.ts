// Uses every method of the package's types, the way an app would. It is compiled and never run: what it checks is that
// all of it is there, takes what it should, gives what it should, and refuses what it should.

import init, {
  type Acceptance,
  type AccountDeletion,
  Attachment,
  type CallOptions,
  type Classification,
  type Classifications,
  type ClientOptions,
  type ClientTask,
  type ClientTasks,
  type Connection,
  type Connections,
  decryptWithPassphrase,
  type EncryptionSpaces,
  type ErrorCode,
  type IncludedShare,
  type Invitation,
  type Invitations,
  type Item,
  type ItemSummary,
  type Items,
  isVaultError,
  KeyPair,
  type LeftOut,
  type NewShare,
  type NewSlot,
  type OutgoingShare,
  type Page,
  type PageOptions,
  type Progress,
  PublicKey,
  qrCode,
  Session,
  type Share,
  type ShareChange,
  type Shares,
  type Slot,
  type SlotType,
  type SpaceShare,
  SymmetricKey,
  type Template,
  type Templates,
  type Thumbnail,
  type User,
  VaultClient,
  VaultError,
} from 'vaultshare';

/** Fails to compile where a member of `Whole` is not among those that the test says it uses. */
type Missing<Whole, Used extends keyof Whole> = Exclude<keyof Whole, Used>;
function complete<Left extends never>(): Left | void {}

complete<
  Missing<
    typeof import('vaultshare'),
    | 'default'
    | 'decryptWithPassphrase'
    | 'qrCode'
    | 'isVaultError'
    | 'Attachment'
    | 'KeyPair'
    | 'PublicKey'
    | 'Session'
    | 'SymmetricKey'
    | 'VaultClient'
    | 'VaultError'
  >
>();
complete<Missing<VaultClient, 'newSecret' | 'createUser' | 'signIn' | 'recover' | 'resume'>>();
complete<
  Missing<
    Session,
    | 'secret'
    | 'userId'
    | 'memorySince'
    | 'templates'
    | 'classifications'
    | 'items'
    | 'invitations'
    | 'connections'
    | 'shares'
    | 'tasks'
    | 'encryptionSpaces'
    | 'changePassphrase'
    | 'createRecoveryKey'
    | 'recoveryKeySince'
    | 'revokeRecoveryKey'
    | 'deleteAccount'
    | 'keepAccount'
    | 'user'
    | 'endOtherSessions'
    | 'exportMemory'
    | 'importMemory'
    | 'remember'
    | 'signOut'
    | 'close'
    | typeof Symbol.dispose
  >
>();
complete<Missing<Templates, 'list' | 'get' | 'create'>>();
complete<Missing<Classifications, 'list' | 'get' | 'create'>>();
complete<
  Missing<
    Items,
    | 'create'
    | 'list'
    | 'get'
    | 'getMany'
    | 'update'
    | 'adopt'
    | 'reencrypt'
    | 'removeSlot'
    | 'attach'
    | 'attachments'
    | 'delete'
  >
>();
complete<
  Missing<
    Attachment,
    | 'id'
    | 'itemId'
    | 'slotId'
    | 'label'
    | 'name'
    | 'type'
    | 'size'
    | 'createdAt'
    | 'thumbnails'
    | 'open'
    | 'blob'
    | 'thumbnail'
    | 'addThumbnail'
    | 'remove'
    | 'free'
    | typeof Symbol.dispose
  >
>();
complete<Missing<Invitations, 'create' | 'list' | 'cancel'>>();
complete<
  Missing<Connections, 'accept' | 'list' | 'get' | 'inspect' | 'inspectAll' | 'trustNewKey' | 'markVerified' | 'delete'>
>();
complete<
  Missing<Shares, 'create' | 'incoming' | 'outgoing' | 'get' | 'info' | 'accept' | 'change' | 'delete' | 'refresh'>
>();
complete<Missing<EncryptionSpaces, 'share' | 'list' | 'get' | 'delete'>>();
complete<Missing<ClientTasks, 'list' | 'count' | 'run'>>();
complete<
  Missing<
    SymmetricKey,
    | 'export'
    | 'encryptString'
    | 'decryptString'
    | 'encryptBytes'
    | 'decryptBytes'
    | 'wrapKey'
    | 'unwrapKey'
    | 'free'
    | typeof Symbol.dispose
  >
>();
complete<Missing<typeof SymmetricKey, 'generate' | 'fromPassphrase' | 'import' | 'prototype'>>();
complete<
  Missing<
    KeyPair,
    | 'publicKeyPem'
    | 'fingerprint'
    | 'wrapWith'
    | 'decryptKey'
    | 'decryptBytes'
    | 'sign'
    | 'free'
    | typeof Symbol.dispose
  >
>();
complete<Missing<typeof KeyPair, 'generate' | 'import' | 'unwrap' | 'prototype'>>();
complete<
  Missing<PublicKey, 'fingerprint' | 'encryptKey' | 'encryptBytes' | 'verify' | 'free' | typeof Symbol.dispose>
>();
complete<Missing<typeof PublicKey, 'import' | 'prototype'>>();

export async function starting(
  url: URL,
  request: Request,
  response: Response,
  module: WebAssembly.Module,
): Promise<void> {
  const started: Promise<void> = init();
  await started;
  await init('/vaultshare_bg.wasm');
  await init(url);
  await init(request);
  await init(response);
  await init(module);
  await init(new Uint8Array(8));
  await init(new ArrayBuffer(8));
}

export async function signingUpAndIn(signal: AbortSignal): Promise<Session> {
  const options: ClientOptions = {
    vaultUrl: 'https://vault.example/vault',
    keystoreUrl: 'https://vault.example/keystore',
    subscriptionKey: 'key',
    fetch,
    timeoutMs: 10_000,
    retries: 3,
    prepareKeyPairs: false,
  };
  const client = new VaultClient(options);
  // @ts-expect-error the Keystore's address is missing
  new VaultClient({ vaultUrl: 'https://vault.example/vault' });

  const onProgress = ({ phase, done, total }: Progress): string => `${phase}: ${done} of ${total}`;
  const call: CallOptions = { signal, onProgress };
  const secret: string = await client.newSecret(call);
  const created: Session = await client.createUser('passphrase', { secret, ...call });
  await client.createUser('passphrase');
  created.close();
  const resumed: Session | undefined = await client.resume({ name: 'alice', ...call });
  return resumed ?? client.signIn(secret, 'passphrase', { until: new Date(), ...call });
}

export async function aSession(session: Session): Promise<string> {
  // @ts-expect-error sessions come from a client
  new Session();
  // @ts-expect-error the secret is given, not set
  session.secret = 'another';
  const identity: string = session.secret + session.userId;
  const memory: string = await session.exportMemory();
  const nothing: void = await session.importMemory(memory);
  const until: string = await session.remember({ until: '2030-01-01T00:00:00Z', name: 'alice' });
  const picture: string = await qrCode(until);
  await session.endOtherSessions({});
  await session.signOut({});
  session.close();
  session[Symbol.dispose]();
  {
    using scoped: Session = session;
    return identity + scoped.userId + String(nothing) + picture;
  }
}

export async function templates(session: Session, page: PageOptions): Promise<[string, SlotType | undefined]> {
  const found: Page<Template> = await session.templates.list(
    { like: 'veh', scheme: 'esafe', classification: 'vehicle' },
    page,
  );
  const template: Template = await session.templates.get('vehicle', {});
  const made: Template = await session.templates.create(
    { label: 'Bicycle', description: 'Two wheels', slots: [{ label: 'Frame number' }] },
    {},
  );
  await session.templates.create({ name: made.name, label: made.label });
  // @ts-expect-error a template has a label
  await session.templates.create({ name: 'bicycle' });
  return [template.id + template.name + template.label + (found.next ?? ''), template.slots[0]?.type];
}

export async function classifications(session: Session): Promise<Classification[]> {
  const found: Page<Classification> = await session.classifications.list(
    { scheme: 'tag', name: 'car', own: true },
    { all: true },
  );
  const made: Classification = await session.classifications.create(
    { scheme: 'tag', label: 'Old cars', description: 'Older than 30 years', image: 'car.png' },
    {},
  );
  const same: Classification = await session.classifications.get(made.id, {});
  const { item } = await session.items.update('item', {
    classifications: [
      { id: made.id, remove: true },
      { scheme: 'tag', name: 'old' },
    ],
  });
  const told: (string | boolean | undefined)[] = [same.name, same.label, same.description, same.scheme, same.own];
  return told.length > 0 ? [...found.entries, ...item.classifications] : [];
}

export async function items(session: Session, id: string): Promise<ErrorCode | undefined> {
  const slots: NewSlot[] = [
    { name: 'vin', value: '1' },
    { label: 'Notes', type: 'note_text', value: null },
    { id: 'slot', value: '2' },
  ];
  const created: Item = await session.items.create({ template: 'vehicle', label: 'Car', slots }, {});
  await session.items.create({
    template: 'vehicle',
    label: 'Car',
    slots: { model_make: 'Mazda' },
    classifications: [{ id: 'c' }, { scheme: 'tag', name: 'car' }],
  });
  await session.items.create({ template: 'custom', label: 'Empty' });
  // @ts-expect-error an item has a label
  await session.items.create({ template: 'vehicle' });

  const found: Page<ItemSummary> = await session.items.list(
    {
      templateIds: ['t'],
      scheme: 's',
      classifications: ['c'],
      sharedWith: 'u',
      ownerId: 'u',
      own: true,
      ids: [id],
      name: 'vehicle',
      order: 'asc',
    },
    { perPage: 20, after: 'cursor', all: true, signal: new AbortController().signal },
  );
  const item: Item = await session.items.get(id, {});
  const value: string | null | undefined = item.value('model_make');
  const slot: Slot | undefined = created.slots[0];
  const vouchedFor: boolean = !item.changed && (slot?.bound ?? true) && item.revision > 0;
  const adopted: Item = await session.items.adopt(id, item.version, {});
  // @ts-expect-error what was shown has to be named
  await session.items.adopt(id);
  const texts: (string | null | undefined)[] = [
    value,
    slot?.value,
    slot?.shareId,
    slot?.originalId,
    slot?.ownerId,
    slot?.attachmentId,
    slot?.createdAt,
    slot?.updatedAt,
    adopted.birth,
    adopted.version,
    String(vouchedFor),
    item.templateId,
    item.templateLabel,
    item.ownerId,
    item.originalId,
    item.shareId,
    item.createdAt,
    item.updatedAt,
    ...item.slotIds,
  ];
  const own: boolean = found.entries.every((entry) => entry.own) && texts.length > 0;

  const outcomes = await session.items.getMany([id], {});
  for (const outcome of outcomes) {
    if ('item' in outcome) outcome.item.value('vin');
    else if (own) return outcome.error.code;
  }

  const { item: changed, outstandingTasks } = await session.items.update(
    id,
    { label: 'Truck', slots: { vin: null, model_make: 'Ford' } },
    {},
  );
  await session.items.update(id, { slots });
  const underOwnKey: Item = await session.items.reencrypt(id, {});
  const waiting: number =
    outstandingTasks.todo + outstandingTasks.inProgress + changed.slots.length + underOwnKey.slots.length;
  await session.items.removeSlot('slot', {});
  const file = new File(['abc'], 'a.txt', { type: 'text/plain' });
  const attachment: Attachment = await session.items.attach(id, file);
  await session.items.attach(id, new Uint8Array(3), { name: 'a', type: 'b', label: 'c', onProgress: () => {} });
  await session.items.attach(id, file.stream(), { name: 'a' });
  // @ts-expect-error a text is no file
  await session.items.attach(id, 'abc');
  const attachments: Attachment[] = await session.items.attachments(id, {});
  const stream: ReadableStream = await attachment.open({ start: 0, end: 2, requireBound: true });
  const blob: Blob = await attachment.blob({ requireBound: true });
  await session.items.attach(id, file, { slot: 'image', thumbnail: false });
  const picture: Blob | undefined = await attachment.thumbnail({ size: '128x128' });
  await attachment.addThumbnail(picture ?? new Uint8Array(3), { size: '256x256' });
  const thumbnails: Thumbnail[] = attachment.thumbnails;
  const size: number | undefined = attachment.size;
  await attachment.remove({});
  attachment.free();
  const recoveryKey: string = await session.createRecoveryKey('passphrase', { secret: 's' });
  const since: string | undefined = await session.recoveryKeySince({});
  await session.revokeRecoveryKey({});
  await session.changePassphrase(`${recoveryKey} ${since}`, 'new', {
    secret: `${stream.locked} ${blob.size} ${size} ${attachments.length} ${thumbnails.length}`,
  });
  const deletion: AccountDeletion = await session.deleteAccount('new', { secret: 'secret', onProgress: () => {} });
  const follows: boolean = deletion.keystoreFollows;
  await session.keepAccount({});
  const user: User = await session.user({});
  const after: string | undefined = follows ? deletion.queuedForDeletionAfter : user.queuedForDeletionAfter;
  // @ts-expect-error what is asked for is a passphrase
  await session.deleteAccount({ passphrase: after ?? user.id });
  // @ts-expect-error an attachment comes from an item
  new Attachment();
  await session.items.delete(id, {});
  return waiting > 0 ? 'CONFLICT' : undefined;
}

export async function connecting(alice: Session, bob: Session): Promise<string> {
  const invitation: Invitation = await alice.invitations.create(
    { name: 'Bob', email: 'bob@example.org', keypairId: 'k' },
    {},
  );
  const sent: Page<Invitation> = await alice.invitations.list({ perPage: 1 });
  await alice.invitations.cancel(invitation.id, {});
  const told: (string | undefined)[] = [
    invitation.email,
    invitation.mail,
    invitation.state,
    invitation.createdAt,
    sent.next,
  ];

  const connection: Connection = await bob.connections.accept(invitation.token, { name: 'Alice', keypairId: 'k' }, {});
  await bob.connections.accept({ token: invitation.token, id: invitation.id }, { name: 'Alice' });
  const all: Page<Connection> = await bob.connections.list({ all: true });
  const same: Connection = await bob.connections.get(connection.id, {});
  const shown: Connection = await bob.connections.inspect(connection.ref, {});
  const inspected: Page<Connection> = await bob.connections.inspectAll({ all: true });
  const trusted: Connection = await bob.connections.trustNewKey(shown.ref, shown.fingerprint, {});
  const compared: Connection = await bob.connections.markVerified(trusted.ref, trusted.safetyNumber, {});
  // @ts-expect-error what was shown has to be named
  await bob.connections.trustNewKey(shown.ref);
  const verified: false | 'code' | 'compared' = compared.verified;
  const flags: boolean[] = [shown.keyChanged, shown.nameBound];
  await bob.connections.delete(connection.ref, { endShares: true });
  return [
    String(verified) + (inspected.next ?? ''),
    String(flags),
    same.name ?? '',
    same.userId,
    same.publicKey,
    same.keypairId,
    same.otherConnectionId,
    same.otherPublicKey,
    same.otherKeypairId ?? '',
    same.safetyNumber,
    String(all.entries.length),
    String(told.length),
  ].join();
}

export async function sharing(session: Session, itemId: string, connectionId: string): Promise<Acceptance> {
  const wanted: NewShare = {
    itemId,
    connectionId,
    slotId: 's',
    terms: 'Be kind',
    acceptanceRequired: true,
    onSharing: true,
    expiresAt: new Date(),
    version: 'v',
  };
  const share: Share = await session.shares.create(wanted, {});
  await session.shares.create({ itemId, connectionId, expiresAt: '2030-01-01T00:00:00Z' });
  const incoming: Page<Share> = await session.shares.incoming({ mustAccept: true, connectionId }, { all: true });
  const outgoing: Page<OutgoingShare> = await session.shares.outgoing(
    { itemIds: [itemId], connectionId },
    { perPage: 5 },
  );
  const { share: read, item }: { share: Share; item: Item } = await session.shares.get(share.id, {});
  const info: Share = await session.shares.info(share.id, {});
  const accepted: Share = await session.shares.accept(share.id, {});
  const change: ShareChange = { shareId: share.id, itemId, connectionId, expiresAt: null, onSharing: false };
  await session.shares.change(change, {});
  await session.shares.change({ ...change, expiresAt: new Date() });
  // @ts-expect-error a share is changed as one of an item, for a connection
  await session.shares.change({ shareId: share.id, onSharing: false });
  await session.shares.delete(share.id, {});
  const { shares, onShares, leftOut }: { shares: number; onShares: number; leftOut: LeftOut[] } =
    await session.shares.refresh(itemId, {});
  const include: IncludedShare[] = leftOut.flatMap(({ shareId, fingerprint, recipientId, slotId, why }) =>
    fingerprint !== undefined && why === 'no grant' && recipientId === 'u'
      ? [{ shareId, fingerprint, scope: slotId ?? null, onSharing: false }]
      : [],
  );
  await session.shares.refresh(itemId, { include });
  const all: (string | number | undefined)[] = [
    read.itemId,
    read.slotId,
    read.ownerId,
    read.senderId,
    read.recipientId,
    info.sharingMode,
    info.terms,
    info.expiresAt,
    info.createdAt,
    info.publicKey,
    info.keypairId,
    info.encryptedDek,
    item.label,
    shares,
    onShares,
    leftOut.length,
    String(outgoing.entries[0]?.granted),
    incoming.next,
    outgoing.next,
  ];
  return all.length > 0 ? accepted.acceptance : 'rejected';
}

export async function encryptionSpaces(
  session: Session,
  itemId: string,
  connectionId: string,
): Promise<(string | undefined)[]> {
  const made: SpaceShare = await session.encryptionSpaces.share(
    { itemId, connectionId, slotId: 's', terms: 'Be kind', expiresAt: new Date(), acceptUnproven: 'f' },
    {},
  );
  const listed: Page<SpaceShare> = await session.encryptionSpaces.list('incoming', { all: true });
  await session.encryptionSpaces.list('outgoing');
  // @ts-expect-error shares go in or out
  await session.encryptionSpaces.list('sideways');
  const { share, item }: { share: SpaceShare; item: Item } = await session.encryptionSpaces.get(made.id, {});
  await session.encryptionSpaces.delete(made.id, {});
  return [
    share.connectionId,
    share.itemId,
    share.slotId,
    share.encryptionSpaceId,
    share.senderId,
    share.recipientId,
    share.terms,
    share.expiresAt,
    share.createdAt,
    item.label,
    listed.next,
  ];
}

export async function tasks(session: Session): Promise<unknown> {
  const found: Page<ClientTask> = await session.tasks.list(
    { states: ['todo', 'failed'], targetId: 'item' },
    { all: true },
  );
  const { todo, inProgress }: { todo: number; inProgress: number } = await session.tasks.count({});
  const { completed, failed } = await session.tasks.run({ limit: 10, onProgress: () => {} });
  const leftOut: LeftOut[] = completed.flatMap((task) => task.leftOut);
  const reasons: ErrorCode[] = failed.map((task) => task.reason.code);
  const [task] = [...completed, ...failed, ...found.entries];
  return [
    task?.id,
    task?.state,
    task?.workType,
    task?.targetId,
    task?.createdAt,
    task?.report,
    todo,
    inProgress,
    leftOut,
    reasons,
  ];
}

export async function symmetricKeys(text: string): Promise<Uint8Array> {
  // @ts-expect-error keys are generated, derived or imported
  new SymmetricKey();
  const key: SymmetricKey = SymmetricKey.generate();
  const derived: SymmetricKey = await SymmetricKey.fromPassphrase('passphrase', new Uint8Array(16), 100_000);
  const again: SymmetricKey = SymmetricKey.import(key.export());
  const envelope: string | null = await key.encryptString(text);
  const decrypted: string | null = await again.decryptString(envelope);
  const unwrapped: SymmetricKey = await derived.unwrapKey(await derived.wrapKey(key));
  const bytes: Uint8Array = await unwrapped.decryptBytes(
    await unwrapped.encryptBytes(new TextEncoder().encode(decrypted ?? '')),
  );
  key.free();
  again[Symbol.dispose]();
  return bytes.length > 0 ? bytes : decryptWithPassphrase('Aes256Gcm.…', 'passphrase');
}

export async function keyPairs(kek: SymmetricKey): Promise<Uint8Array> {
  const pair: KeyPair = await KeyPair.generate();
  await KeyPair.generate(2048);
  // @ts-expect-error too short a key
  await KeyPair.generate(1024);
  const wrapped: string = await pair.wrapWith(kek);
  const same: KeyPair = await KeyPair.unwrap(wrapped, kek);
  const imported: KeyPair = await KeyPair.import('-----BEGIN PRIVATE KEY-----');
  const key: PublicKey = PublicKey.import(pair.publicKeyPem);
  const fingerprints: boolean = key.fingerprint === same.fingerprint;
  const received: SymmetricKey = await same.decryptKey(await key.encryptKey(kek));
  const bytes: Uint8Array = await imported.decryptBytes(await key.encryptBytes(new Uint8Array(32)));
  const signed: Uint8Array = await key.verify(await same.sign(bytes));
  received.free();
  pair.free();
  same[Symbol.dispose]();
  key.free();
  key[Symbol.dispose]();
  return fingerprints ? signed : bytes;
}

export function errors(caught: unknown): string {
  if (isVaultError(caught)) {
    const error: VaultError = caught;
    const name: 'VaultError' = error.name;
    const code: ErrorCode = error.code;
    // @ts-expect-error not one of the codes
    if (code === 'NO_SUCH_CODE') return '';
    const cause: unknown = error.cause;
    const told = `${name} ${code} ${error.status ?? 0} ${error.serverCode ?? ''} ${error.message} ${error.stack ?? ''}`;
    return cause === undefined ? told : `${told} ${String(cause)}`;
  }
  const made: Error = new VaultError('RATE_LIMITED', 'slow down', 429, 'too_many_requests');
  const lost: Error = new VaultError('NETWORK', 'no connection', undefined, undefined, made);
  // @ts-expect-error an error of ours has a code
  new VaultError('slow down');
  return made.message + lost.message;
}
