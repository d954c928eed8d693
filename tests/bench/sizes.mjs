/** How much the cases have to do. Their names say the full sizes; a smoke run is smaller, to see that all of it works. */

/**
 * @typedef {object} Sizes
 * @property {number} recipients with how many the item of twenty slots is shared
 * @property {number} items how many items are decrypted at once
 * @property {number} bytes how long the bytes are that are encrypted and decrypted
 * @property {number} keyPairs how many key pairs the page may need
 */

const FULL = { recipients: 200, items: 1000, bytes: 16 * 1024 * 1024 };
const SMOKE = { recipients: 3, items: 20, bytes: 64 * 1024 };

/** How many key pairs are taken for each round of each case, about; some rounds are beyond those asked for. */
const KEY_PAIRS_PER_ROUND = 60;

/**
 * @param {{ smoke: boolean, pairs: number, chosen: import('./cases.mjs').Case[] }} options what none of the chosen cases
 *   needs is not made
 * @returns {Sizes}
 */
export function sizesFor({ smoke, pairs, chosen }) {
  const { recipients, items, bytes } = smoke ? SMOKE : FULL;
  const has = (name) => chosen.some((one) => one.name === name);
  return {
    recipients: has('refresh-200') ? recipients : 1,
    items: has('decrypt-1000') ? items : 1,
    bytes,
    keyPairs: (pairs + 1) * KEY_PAIRS_PER_ROUND,
  };
}
