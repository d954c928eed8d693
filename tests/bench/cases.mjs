/**
 * What is measured, and what is demanded of it: at least so many times faster than the peer, at most so many times the
 * floor, at most so many milliseconds.
 */

/**
 * @typedef {object} Case
 * @property {string} name as on the command line
 * @property {string} title as in the table
 * @property {{ peer?: number, floor?: number, milliseconds?: number }} bounds
 * @property {('ours' | 'peer' | 'floor')[]} clients who takes part, in the order of their turns
 * @property {boolean} [asksForPair] who does not ask the pool for a key pair would have to make one while the clock runs
 * @property {boolean} [madeInTime] key pairs that are made while the clock runs are made for real
 * @property {boolean} [isCold] each turn is a page of its own, from the navigation on
 * @property {boolean} [onPhone] processor and network are slowed down to a phone's on 4G
 * @property {boolean} [withoutSubtle] in a page that has no `crypto.subtle`, as pages on plain http
 */

const ALL = ['ours', 'peer', 'floor'];

/** @type {Case[]} */
export const cases = [
  { name: 'signIn', title: 'sign in', bounds: { peer: 25, floor: 1.5 }, clients: ALL },
  {
    name: 'resume',
    title: 'resume a session that the browser keeps',
    bounds: { milliseconds: 100, floor: 1.5 },
    clients: ['ours', 'floor'],
  },
  {
    name: 'createUser',
    title: 'create a user, key pair given',
    bounds: { peer: 15, floor: 1.3 },
    clients: ALL,
    asksForPair: true,
  },
  { name: 'create', title: 'create an item of 10 slots', bounds: { floor: 1.3 }, clients: ALL },
  { name: 'update', title: 'change one slot of 10', bounds: { floor: 1.3 }, clients: ALL },
  { name: 'share', title: 'share an item of 10 slots', bounds: { peer: 10, floor: 1.3 }, clients: ALL },
  {
    name: 'read-share-first',
    title: 'read a share for the first time',
    bounds: { peer: 15, floor: 1.3 },
    clients: ALL,
  },
  { name: 'read-share-again', title: 'read it again', bounds: { peer: 15, floor: 1.3 }, clients: ALL },
  { name: 'decrypt-1000', title: 'decrypt 1,000 items of 8 slots', bounds: { peer: 40, floor: 1.2 }, clients: ALL },
  {
    name: 'receive-1000',
    title: 'decrypt 1,000 received items of 8 slots, each proven',
    bounds: { floor: 1.3 },
    clients: ['ours', 'floor'],
  },
  { name: 'refresh-200', title: 'refresh an item of 20 slots for 200', bounds: { peer: 50, floor: 1.3 }, clients: ALL },
  { name: 'encrypt-16MiB', title: 'encrypt 16 MiB', bounds: { peer: 30, floor: 1.3 }, clients: ALL },
  { name: 'decrypt-16MiB', title: 'decrypt 16 MiB', bounds: { peer: 30, floor: 1.3 }, clients: ALL },
  {
    name: 'attach-64MiB',
    title: 'attach a file of 64 MiB',
    bounds: { floor: 1.3 },
    clients: ['ours', 'floor'],
  },
  { name: 'read-64MiB', title: 'read a file of 64 MiB', bounds: { floor: 1.3 }, clients: ['ours', 'floor'] },
  {
    name: 'invitations.create',
    title: 'invite, with a key pair ready',
    bounds: { milliseconds: 100, floor: 1.3 },
    clients: ALL,
    madeInTime: true,
  },
  {
    name: 'connections.accept',
    title: 'accept, with a key pair ready',
    bounds: { milliseconds: 100, floor: 1.3 },
    clients: ALL,
    madeInTime: true,
  },
  {
    name: 'signIn-without-subtle',
    title: 'sign in without crypto.subtle',
    bounds: { peer: 1.5 },
    clients: ['ours', 'peer'],
    withoutSubtle: true,
  },
  {
    name: 'cold-start',
    title: 'from the navigation to the first value of a share',
    bounds: { floor: 1.5 },
    clients: ALL,
    isCold: true,
  },
  {
    name: 'cold-start-phone',
    title: 'the same with the processor and the network of a phone on 4G',
    bounds: { floor: 1.5 },
    clients: ALL,
    isCold: true,
    onPhone: true,
  },
];

/** How long nothing else may have to wait for ours while there is `crypto.subtle`, in milliseconds. */
export const LONGEST_TASK = 50;

/** How large the package's code may be, gzipped, in bytes. */
export const LARGEST_PACKAGE = 330_000;
