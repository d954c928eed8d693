/** How much the cases have to do. Their names say the full sizes; a smoke run is smaller, to see that all of it works. */

/**
 * @typedef {object} Sizes
 * @property {number} recipients with how many the item of twenty slots is shared
 * @property {number} items how many items are decrypted at once
 * @property {number} bytes how long the bytes are that are encrypted and decrypted
 * @property {number} keyPairs how many key pairs the page may need
 */

/** @returns {Sizes} */
export function sizesFor({ smoke, pairs }) {
  // In each turn a client registers or invites, or a signed-in session makes a pair ahead; some turns are not counted.
  const keyPairs = (pairs + 1) * 60;
  return smoke
    ? { recipients: 3, items: 20, bytes: 64 * 1024, keyPairs: 80 }
    : { recipients: 200, items: 1000, bytes: 16 * 1024 * 1024, keyPairs };
}
