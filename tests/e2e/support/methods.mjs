/**
 * Every function and method of the package, each with calls in which every argument and field that is declared is given and
 * has its form. Tests make one of them wrong. That nothing is left out here is compared with `index.d.ts`.
 */
import { passphrase, vaultshare } from './in-node.mjs';

const id = '0190f3a2b6c47d8e9f00112233445566';
const fingerprint = '0123456789abcdef'.repeat(4);
const ref = `${id}~${fingerprint}`;
const options = () => ({ signal: new AbortController().signal, onProgress: () => {} });
const reading = () => ({ requireProof: false, ...options() });
const page = () => ({ perPage: 2, after: 'there', all: false, ...options() });
const slot = () => ({
  id,
  name: 'vin',
  label: 'VIN',
  type: 'key_value',
  value: 'the value',
  description: 'of the vehicle',
  remove: false,
  revision: 1,
  updatedAt: '2026-01-01T00:00:00.000Z',
});
const expiresAt = '2030-01-01T00:00:00Z';
/** Of nobody. */
const someRecoveryKey = 'recovery.alice.M9znjHbD5Xi.xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9';
const someSecret = '1.M9znjHbD5Xi.xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9';

/** By name, the arguments of one call or of several. What needs a user, or keys, takes them from the world. */
const calls = {
  'new VaultClient': ({ services }) => [
    [
      {
        ...services,
        subscriptionKey: 'a key',
        fetch: () => {},
        timeoutMs: 1000,
        retries: 1,
        prepareKeyPairs: false,
        memory: { update: () => {} },
      },
    ],
  ],
  'VaultClient#newSecret': () => [[options()]],
  'VaultClient#createUser': ({ session }) => [[passphrase, { secret: session.secret, until: expiresAt, ...options() }]],
  'VaultClient#signIn': ({ session }) => [[session.secret, passphrase, { until: expiresAt, ...options() }]],
  'VaultClient#resume': () => [[{ name: 'alice', ...options() }]],
  'Session#remember': () => [[{ until: expiresAt, name: 'alice', ...options() }]],
  'Session#signOut': () => [[options()]],
  'Session#endOtherSessions': () => [[options()]],
  'Session#changePassphrase': () => [[passphrase, passphrase, { secret: someSecret, ...options() }]],
  'VaultClient#recover': () => [[someRecoveryKey, passphrase, { secret: someSecret, until: expiresAt, ...options() }]],
  'Session#createRecoveryKey': () => [[passphrase, { secret: someSecret, ...options() }]],
  'Session#recoveryKeySince': () => [[options()]],
  'Session#revokeRecoveryKey': () => [[options()]],
  'Session#deleteAccount': () => [[passphrase, { secret: someSecret, ...options() }]],
  'Session#keepAccount': () => [[options()]],
  'Session#user': () => [[options()]],
  'Session#importMemory': ({ envelope }) => [[envelope]],

  'templates.list': () => [[{ like: 'a', scheme: 'tag', classification: 'b' }, page()]],
  'templates.get': () => [['vehicle', options()]],
  'templates.create': () => [
    [{ name: 'bicycle', label: 'Bicycle', description: 'a bicycle', slots: [slot()] }, options()],
  ],

  'items.create': () => [
    [
      {
        template: 'vehicle',
        label: 'x',
        slots: { vin: 'the value' },
        classifications: [{ id }, { scheme: 'tag', name: 'fast' }],
      },
      options(),
    ],
    [{ template: 'vehicle', label: 'x', slots: [slot()] }],
  ],
  'items.list': () => [
    [
      {
        templateIds: [id],
        scheme: 'tag',
        classifications: ['fast'],
        sharedWith: id,
        ownerId: id,
        own: true,
        ids: [id],
        name: 'x',
        order: 'asc',
      },
      page(),
    ],
  ],
  'items.get': () => [[id, reading()]],
  'items.getMany': () => [[[id], reading()]],
  'items.update': () => [
    [
      id,
      {
        label: 'y',
        slots: { vin: 'the value' },
        classifications: [
          { id, remove: true },
          { scheme: 'tag', name: 'fast' },
        ],
        version: 'a version',
      },
      { overwrite: false, ...options() },
    ],
    [id, { slots: [slot()] }],
  ],
  'items.adopt': () => [[id, 'a version', options()]],
  'items.reencrypt': () => [[id, options()]],
  'items.removeSlot': () => [[id, options()]],
  'items.attach': () => [
    [id, new Uint8Array(3), { name: 'a.png', type: 'image/png', label: 'A picture', ...options() }],
    [id, new Uint8Array(3), { name: 'a.png', slot: 'image', thumbnail: false, ...options() }],
    [id, new File(['abc'], 'a.png')],
    [id, new Blob(['abc']).stream(), { name: 'a.png', ...options() }],
  ],
  'items.attachments': () => [[id, options()]],
  'items.delete': () => [[id, options()]],

  'Attachment#open': () => [[{ start: 0, end: 2, requireBound: true, ...options() }]],
  'Attachment#blob': () => [[{ requireBound: true, ...options() }]],
  'Attachment#thumbnail': () => [[{ size: '256x256', ...options() }]],
  'Attachment#addThumbnail': () => [[new Uint8Array([0xff, 0xd8, 0xff]), { size: '256x256', ...options() }]],
  'Attachment#remove': () => [[options()]],

  'invitations.create': () => [[{ name: 'Bob', email: 'bob@example.com', keypairId: id, by: 'token' }, options()]],
  'invitations.list': () => [[page()]],
  'invitations.cancel': () => [[id, options()]],

  'connections.accept': () => [
    ['a-token', { name: 'Alice', keypairId: id }, options()],
    [{ token: 'a-token', id }, { name: 'Alice' }],
  ],
  'connections.list': () => [[page()]],
  'connections.get': () => [[id, options()], [ref]],
  'connections.inspect': () => [[id, options()], [ref]],
  'connections.inspectAll': () => [[page()]],
  'connections.trustNewKey': () => [
    [id, fingerprint, options()],
    [ref, fingerprint],
  ],
  'connections.markVerified': () => [
    [id, '12345 67890', options()],
    [ref, '12345 67890'],
  ],
  'connections.delete': () => [[id, { endShares: true, ...options() }], [ref]],

  'shares.create': () => [
    [
      {
        itemId: id,
        connectionId: id,
        slotId: id,
        terms: 'be nice',
        acceptanceRequired: true,
        onSharing: true,
        expiresAt,
        version: 'a version',
      },
      options(),
    ],
    [{ itemId: id, connectionId: ref }],
  ],
  'shares.incoming': () => [[{ mustAccept: true, connectionId: id }, page()], [{ connectionId: ref }]],
  'shares.outgoing': () => [[{ itemIds: [id], connectionId: id }, page()], [{ connectionId: ref }]],
  'shares.get': () => [[id, reading()]],
  'shares.info': () => [[id, options()]],
  'shares.accept': () => [[id, options()]],
  'shares.change': () => [
    [{ shareId: id, itemId: id, connectionId: id, expiresAt, onSharing: true }, options()],
    [{ shareId: id, itemId: id, connectionId: ref }],
  ],
  'shares.delete': () => [[id, options()]],
  'shares.refresh': () => [
    [id, { include: [{ shareId: id, fingerprint, scope: id, onSharing: true, expiresAt }], ...options() }],
    [id, { include: [{ shareId: id, fingerprint, scope: null }] }],
  ],

  'encryptionSpaces.share': () => [
    [{ itemId: id, connectionId: id, slotId: id, terms: 'be nice', expiresAt, acceptUnproven: fingerprint }, options()],
    [{ itemId: id, connectionId: ref }],
  ],
  'encryptionSpaces.list': () => [['incoming', page()]],
  'encryptionSpaces.get': () => [[id, options()]],
  'encryptionSpaces.delete': () => [[id, options()]],

  'classifications.list': () => [[{ scheme: 'tag', name: 'fast', own: true }, page()]],
  'classifications.get': () => [[id, options()]],
  'classifications.create': () => [
    [{ scheme: 'tag', name: 'fast', label: 'Fast', description: 'quick', image: 'a picture' }, options()],
  ],

  'tasks.list': () => [[{ states: ['todo'], targetId: id }, page()]],
  'tasks.count': () => [[options()]],
  'tasks.run': () => [[{ limit: 1, ...options() }]],

  'SymmetricKey.fromPassphrase': () => [[passphrase, new Uint8Array(16), 20_000]],
  'SymmetricKey.import': ({ key }) => [[key.export()]],
  'SymmetricKey#encryptString': () => [['a text']],
  'SymmetricKey#decryptString': ({ envelope }) => [[envelope]],
  'SymmetricKey#encryptBytes': () => [[new Uint8Array(3)]],
  'SymmetricKey#decryptBytes': ({ envelope }) => [[envelope]],
  'SymmetricKey#wrapKey': ({ key }) => [[key]],
  'SymmetricKey#unwrapKey': ({ envelope }) => [[envelope]],

  'KeyPair.generate': () => [[2048]],
  'KeyPair.import': () => [['-----BEGIN PRIVATE KEY-----']],
  'KeyPair.unwrap': ({ envelope, key }) => [[envelope, key]],
  'KeyPair#wrapWith': ({ key }) => [[key]],
  'KeyPair#decryptKey': ({ envelope }) => [[envelope]],
  'KeyPair#decryptBytes': ({ envelope }) => [[envelope]],
  'KeyPair#sign': () => [[new Uint8Array(3)]],

  'PublicKey.import': ({ pair }) => [[pair.publicKeyPem]],
  'PublicKey#encryptKey': ({ key }) => [[key]],
  'PublicKey#encryptBytes': () => [[new Uint8Array(3)]],
  'PublicKey#verify': ({ envelope }) => [[envelope]],

  qrCode: () => [['a text']],
  decryptWithPassphrase: ({ forPassphrase }) => [[forPassphrase, passphrase]],
};

/** What has no arguments to be wrong, or takes anything. */
export const withoutArguments = [
  'SymmetricKey.generate',
  'SymmetricKey#export',
  'Attachment#free',
  'SymmetricKey#free',
  'KeyPair#free',
  'PublicKey#free',
  'Session#close',
  'Session#exportMemory',
  ...['Attachment', 'Session', 'SymmetricKey', 'KeyPair', 'PublicKey'].map((name) => `${name}#[Symbol.dispose]`),
  'isVaultError',
  'new VaultError',
  'VaultError#toJSON',
  'VaultError.from',
  'init',
];

export const methods = Object.keys(calls);

/** Those that give a promise and do not reach the network; the last two do not in Node.js, where no session is kept. */
export const localMethods = ['Session#importMemory', 'Session#exportMemory', 'VaultClient#resume', 'Session#remember'];

/** Those that reach the network. */
export const networkMethods = methods.filter(
  (name) => /^[a-z]\w+\.|^VaultClient#|^Session#|^Attachment#/.test(name) && !localMethods.includes(name),
);

/** The arguments of calls in which all is right. */
export function callsOf(method, world) {
  return calls[method]?.(world) ?? [[]];
}

/** A file of an item of its own, for the methods of files. */
export async function makeAttachment(session) {
  const { id: itemId } = await session.items.create({ template: 'vehicle', label: 'With a file', slots: { vin: '1' } });
  const attachment = await session.items.attach(itemId, new Uint8Array(3), { name: 'a.png' });
  await attachment.addThumbnail(new Uint8Array([0xff, 0xd8, 0xff]));
  return attachment;
}

/**
 * Keys for the methods of the primitives, and what was encrypted under them; to be added to a world that has `client` and
 * `session`.
 */
export async function makeKeys() {
  const key = vaultshare.SymmetricKey.generate();
  const pair = await vaultshare.KeyPair.generate(2048);
  const publicKey = vaultshare.PublicKey.import(pair.publicKeyPem);
  return {
    key,
    pair,
    publicKey,
    envelope: await key.encryptString('a text'),
    forPassphrase: await encryptWithPassphrase(new Uint8Array(3)),
  };
}

/** An envelope that carries its own key derivation, which the package reads and does not write: in the older, shorter form. */
export async function encryptWithPassphrase(bytes) {
  const salt = Buffer.from('1234567890');
  const key = await vaultshare.SymmetricKey.fromPassphrase(passphrase, salt, 20_000);
  const derivation = `---\niv: !binary ${salt.toString('base64')}\ni: 20000\nl: 32\n`;
  return `${await key.encryptBytes(bytes)}.Pbkdf2Hmac.${Buffer.from(derivation).toString('base64url')}`;
}

/** Calls a method on the world's objects. */
export function callMethod(world, method, values) {
  if (method.startsWith('new ')) return new vaultshare[method.slice(4)](...values);
  if (method.includes('#')) {
    const [type, name] = method.split('#');
    const holder = {
      Attachment: world.attachment,
      VaultClient: world.client,
      Session: world.session,
      SymmetricKey: world.key,
      KeyPair: world.pair,
      PublicKey: world.publicKey,
    }[type];
    return holder[name](...values);
  }
  const [owner, name] = method.split('.');
  if (name === undefined) return vaultshare[owner](...values);
  return (vaultshare[owner] ?? world.session[owner])[name](...values);
}
