/** SRP-6a in the protocol's form: RFC 5054's group of 2048 bits, g = 2, SHA-256. `crypto.subtle` has no such arithmetic. */
import { fromHex, hex, joined, random, utf8 } from './text.mjs';

const N = BigInt(
  `0x${[
    'AC6BDB41324A9A9BF166DE5E1389582FAF72B6651987EE07FC3192943DB56050A37329CBB4A099ED8193E0757767A13D',
    'D52312AB4B03310DCD7F48A9DA04FD50E8083969EDB767B0CF6095179A163AB3661A05FBD5FAAAE82918A9962F0B93B8',
    '55F97993EC975EEAA80D740ADBF4FF747359D041D5C33EA71D281E446B14773BCA97B43A23FB801676BD207A436C6481',
    'F1D2B9078717461A5B9D32E688F87748544523B524B0D57D5EA77A2775D2ECFA032CFBDBF52FB3786160279004E57AE6',
    'AF874E7303CE53299CCC041C7BC308D82A5698F3A8D0C38271AE35F8E9DBFBB694B5C803D89F7AE435DE236D525F5475',
    '9B65E372FCD68EF20FA7111F9E4AFF73',
  ].join('')}`,
);
const g = 2n;
const HEX_DIGITS = 512;

const hash = async (...parts) => new Uint8Array(await crypto.subtle.digest('SHA-256', joined(...parts)));
const number = (bytes) => BigInt(`0x${hex(bytes)}`);
const padded = (value) => value.toString(16).padStart(HEX_DIGITS, '0');

/** k, which is the same for everybody. */
let multiplier;
const k = () => (multiplier ??= hash(fromHex(padded(N)), fromHex(padded(g))).then(number));

/** A random a, and A for the Keystore. */
export function begin() {
  const a = number(random(32));
  return { a, srp_a: padded(power(g, a)) };
}

/** What the Keystore stores of a new user. */
export async function registration(username, password) {
  const salt = random(32);
  return {
    username,
    srp_salt: hex(salt),
    srp_verifier: padded(power(g, await privateValue(username, password, salt))),
  };
}

/** M1. */
export async function prove({ a, srp_a }, username, password, { challenge_salt, challenge_b }) {
  const [A, B] = [fromHex(srp_a), fromHex(challenge_b)];
  const [x, u] = await Promise.all([
    privateValue(username, password, fromHex(challenge_salt)),
    hash(A, B).then(number),
  ]);
  const base = (number(B) + (N - (((await k()) * power(g, x)) % N))) % N;
  const secret = power(base, a + u * x);
  return hex(await hash(A, B, await hash(fromHex(padded(secret)))));
}

/** x. The protocol takes the derived bytes as characters and writes those in UTF-8. */
async function privateValue(username, password, salt) {
  const identity = await hash(utf8(`${username}:${String.fromCharCode(...password)}`));
  return number(await hash(salt, identity));
}

/** By four bits of the exponent at a time. */
function power(base, exponent) {
  const table = [1n];
  for (let index = 1; index < 16; index += 1) table.push((table[index - 1] * base) % N);
  let result = 1n;
  for (const digit of exponent.toString(16)) {
    for (let square = 0; square < 4; square += 1) result = (result * result) % N;
    if (digit !== '0') result = (result * table[parseInt(digit, 16)]) % N;
  }
  return result;
}
