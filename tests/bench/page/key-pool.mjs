/**
 * Stands before `crypto.subtle.generateKey` and answers it, when RSA key pairs are asked for, with pairs that were made
 * beforehand. Making one takes 0.3 to 3 seconds at random, which is nobody's merit and would drown what is measured. All
 * clients ask the same function, so all are served alike. Runs in the page and in Node.
 */

const PUBLIC_KEY_USAGES = new Set(['encrypt', 'wrapKey', 'verify']);

/**
 * @param {JsonWebKey[]} privateKeys each is handed out once
 * @returns the pool: `open` tells whether it answers, and may be set
 */
export function installKeyPool(privateKeys) {
  const subtle = crypto.subtle;
  const generate = subtle.generateKey.bind(subtle);
  const waiting = [...privateKeys];
  const pool = {
    open: true,
    /** How many pairs were asked for so far. */
    asked: 0,
    /** How many real generations are under way. */
    generating: 0,
  };

  subtle.generateKey = async (algorithm, extractable, usages) => {
    if (!/^RSA/.test(algorithm.name ?? algorithm)) return generate(algorithm, extractable, usages);
    pool.asked += 1;
    if (pool.open) {
      const jwk = waiting.shift();
      if (jwk === undefined) throw new Error('the pool of key pairs is empty: the bench has to make more of them');
      return importPair(subtle, jwk, { name: algorithm.name, hash: algorithm.hash }, extractable, usages);
    }
    pool.generating += 1;
    try {
      return await generate(algorithm, extractable, usages);
    } finally {
      pool.generating -= 1;
    }
  };
  return pool;
}

async function importPair(subtle, { kty, n, e, ...secret }, algorithm, extractable, usages) {
  const [publicKey, privateKey] = await Promise.all([
    subtle.importKey(
      'jwk',
      { kty, n, e },
      algorithm,
      true,
      usages.filter((usage) => PUBLIC_KEY_USAGES.has(usage)),
    ),
    subtle.importKey(
      'jwk',
      { kty, n, e, ...secret },
      algorithm,
      extractable,
      usages.filter((usage) => !PUBLIC_KEY_USAGES.has(usage)),
    ),
  ]);
  return { publicKey, privateKey };
}

const LOOK_AGAIN = 50;

/** Gives a signed-in session so many milliseconds to begin making its next key pair ahead of need, and waits for it. */
export async function pairReady(pool, patience) {
  await pause(patience);
  await nobodyGenerates(pool);
}

/** Waits until no key pair is being made for real, which takes one of the machine's cores. */
export async function nobodyGenerates(pool) {
  while (pool.generating > 0) await pause(LOOK_AGAIN);
}

const pause = (milliseconds) =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
