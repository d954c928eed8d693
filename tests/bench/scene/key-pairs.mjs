/**
 * RSA-4096 key pairs by the hundred, within seconds. Making one takes a second or more, nearly all of it the search for
 * two primes; but of a few primes every two make a pair. The pairs are as large, as distinct and as valid as any other,
 * so that whoever works with them works as hard. They protect nothing: two that have a prime in common give each other
 * away.
 */
import { generatePrime } from 'node:crypto';
import { promisify } from 'node:util';

const PRIME_BITS = 2048;
const PUBLIC_EXPONENT = 65537n;

/** So many primes at once: Node searches for each in a thread of its own. */
const AT_ONCE = 4;

/**
 * @param {number} count how many pairs are wanted
 * @returns {Promise<JsonWebKey[]>} private keys, which have the public ones in them
 */
export async function makeKeyPairs(count) {
  const primes = await findPrimes(primesFor(count));
  const pairs = [];
  for (let second = 1; second < primes.length; second += 1) {
    for (let first = 0; first < second; first += 1) pairs.push(privateKey(primes[first], primes[second]));
  }
  return pairs.slice(0, count);
}

function primesFor(pairs) {
  let primes = 2;
  while ((primes * (primes - 1)) / 2 < pairs) primes += 1;
  return primes;
}

async function findPrimes(count) {
  const primes = [];
  while (primes.length < count) {
    const found = await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - primes.length) }, findPrime));
    primes.push(...found);
  }
  return primes;
}

async function findPrime() {
  for (;;) {
    const prime = await promisify(generatePrime)(PRIME_BITS, { bigint: true });
    // The product of two has all its bits only if each begins with two ones; the exponent must have an inverse.
    if (prime >> BigInt(PRIME_BITS - 2) === 3n && (prime - 1n) % PUBLIC_EXPONENT !== 0n) return prime;
  }
}

function privateKey(p, q) {
  const d = inverse(PUBLIC_EXPONENT, (p - 1n) * (q - 1n));
  return {
    kty: 'RSA',
    n: base64url(p * q),
    e: base64url(PUBLIC_EXPONENT),
    d: base64url(d),
    p: base64url(p),
    q: base64url(q),
    dp: base64url(d % (p - 1n)),
    dq: base64url(d % (q - 1n)),
    qi: base64url(inverse(q, p)),
  };
}

/** By Euclid's extended algorithm. */
function inverse(number, modulus) {
  let [remainder, next] = [modulus, number % modulus];
  let [factor, nextFactor] = [0n, 1n];
  while (next !== 0n) {
    const quotient = remainder / next;
    [remainder, next] = [next, remainder - quotient * next];
    [factor, nextFactor] = [nextFactor, factor - quotient * nextFactor];
  }
  return ((factor % modulus) + modulus) % modulus;
}

function base64url(number) {
  const hex = number.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
}
