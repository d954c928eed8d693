/** How much the cases have to do. Their names say the full sizes; a smoke run is smaller, to see that all of it works. */

/**
 * @typedef {object} Sizes
 * @property {number} recipients with how many the item of twenty slots is shared
 * @property {number} items how many items are decrypted at once
 * @property {number} received how many of them are received ones of somebody else's
 * @property {number} fileBytes how long the file is that is attached and read
 * @property {number} bytes how long the bytes are that are encrypted and decrypted
 * @property {number} keyPairs how many key pairs the page may need
 * @property {number} patience how long a session is given to begin making its next key pair, in milliseconds
 */

const FULL = { recipients: 200, items: 1000, bytes: 16 * 1024 * 1024, fileBytes: 64 * 1024 * 1024, patience: 1500 };
const SMOKE = { recipients: 3, items: 20, bytes: 64 * 1024, fileBytes: 2 * 1024 * 1024 + 1, patience: 0 };

/** How many key pairs a round of all cases takes at the most; the quick cases go on for some more rounds than are asked for. */
const KEY_PAIRS_PER_ROUND = 20;

/**
 * @param {{ smoke: boolean, pairs: number, chosen: import('./cases.mjs').Case[] }} options what none of the chosen cases
 *   needs is not made
 * @returns {Sizes}
 */
export function sizesFor({ smoke, pairs, chosen }) {
  const { recipients, items, bytes, fileBytes, patience } = smoke ? SMOKE : FULL;
  const has = (name) => chosen.some((one) => one.name === name);
  return {
    recipients: has('refresh-200') ? recipients : 1,
    items: has('decrypt-1000') || has('receive-1000') ? items : 1,
    received: has('receive-1000') ? items : 1,
    bytes,
    fileBytes,
    keyPairs: KEY_PAIRS_PER_ROUND * (smoke ? 3 : 4 + 3 * pairs),
    patience,
  };
}
