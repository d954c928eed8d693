// RSA-4096 across the line: keys encrypted with OAEP, signatures, and the key pairs themselves.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import * as older from 'cryppo-old';
import forge from 'node-forge';

import { fixture, KeyPair, PublicKey, SymmetricKey, sameBytes, withCode } from './ours.mjs';
import { base64url, LEGACY, old, peers } from './peers.mjs';

/** One pair for everything that does not depend on who made it: the pairs take seconds to make. */
const privatePem = fixture('rsa4096-private-pkcs1.pem');
const publicPem = fixture('rsa4096-public-spki.pem');

/** The DEKs that go wrong first: high bits, zeros at either end, bytes that are not UTF-8. */
const KEYS = {
  random: SymmetricKey.generate().export(),
  'of zeros': base64url(new Uint8Array(32)),
  'of ones': base64url(new Uint8Array(32).fill(0xff)),
  'with zeros at both ends': base64url(Uint8Array.from({ length: 32 }, (_, index) => (index % 31 ? 0x80 + index : 0))),
};

/** As the peers' libraries of other languages wrote them: an empty map, or the fields of AES with nothing in them. */
const OLD_RSA_PARAMETERS = [
  '---\n{}\n',
  '--- {}\n',
  "---\n'ad': ''\n'at': ''\n'iv': ''\n",
  "---\niv: ''\nat: ''\nad: ''\n",
  '---\niv: !binary |-\n  AgICAgICAgICAgIC\nad: none\n',
];

for (const peer of peers) {
  describe(peer.name, () => {
    let ours;
    before(async () => {
      ours = await KeyPair.import(privatePem);
    });

    test('decrypts the keys that we encrypt', async () => {
      for (const [kind, key] of Object.entries(KEYS)) {
        const envelope = await PublicKey.import(publicPem).encryptKey(SymmetricKey.import(key));
        assert.equal(base64url(await peer.rsaDecrypt(privatePem, envelope)), key, `the key ${kind}`);
      }
    });

    test('encrypts keys that we decrypt, with the parameters of today and of 2020', async () => {
      for (const [kind, key] of Object.entries(KEYS)) {
        const bytes = Buffer.from(key, 'base64url');
        const today = await peer.rsaEncrypt(publicPem, bytes);
        assert.match(today, /^Rsa4096\..*\.QQUAAAAA$/);
        assert.equal((await ours.decryptKey(today)).export(), key, `the key ${kind}`);
        const then = await peer.rsaEncrypt(publicPem, bytes, LEGACY);
        assert.match(then, /^Rsa4096\..*\.LS0tCnt9Cg==$/);
        assert.equal((await ours.decryptKey(then)).export(), key, `the key ${kind}`);
      }
    });

    test('reads, as we do, an envelope of the old form whatever stands in it for parameters', async () => {
      const bytes = bytesOf('an RSA envelope of 2020');
      const [strategy, data] = (await peer.rsaEncrypt(publicPem, bytes, LEGACY)).split('.');
      for (const yaml of OLD_RSA_PARAMETERS) {
        const envelope = [strategy, data, base64url(Buffer.from(yaml))].join('.');
        sameBytes(await peer.rsaDecrypt(privatePem, envelope), bytes);
        sameBytes(await ours.decryptBytes(envelope), bytes);
      }
    });

    test('agrees with us about the longest text that fits and that one byte more does not', async () => {
      const longest = new Uint8Array(470).fill(0xa5);
      const key = PublicKey.import(publicPem);
      sameBytes(await peer.rsaDecrypt(privatePem, await key.encryptBytes(longest)), longest);
      sameBytes(await ours.decryptBytes(await peer.rsaEncrypt(publicPem, longest)), longest);
      const tooLong = new Uint8Array(471);
      await assert.rejects(key.encryptBytes(tooLong), withCode('INVALID_ARGUMENT'));
      await assert.rejects(peer.rsaEncrypt(publicPem, tooLong));
    });

    test('cannot decrypt with another private key, nor can we', async () => {
      const other = fixture('rsa2048-private-pkcs1.pem');
      const envelope = await PublicKey.import(publicPem).encryptKey(SymmetricKey.generate());
      await assert.rejects(peer.rsaDecrypt(other, envelope));
      const pair = await KeyPair.import(other);
      await assert.rejects(pair.decryptKey(envelope), withCode('DECRYPTION_FAILED'));
    });

    for (const text of ['a request--request-timestamp=2020-03-25T09:31:19.959Z', 'Größe 鍵 🔑', 'x']) {
      test(`verifies our signature of “${text}”`, async () => {
        const signature = await ours.sign(Buffer.from(text));
        assert.match(signature, /^Sign\.Rsa4096\./);
        assert.equal(peer.verify(publicPem, signature), text);
      });

      test(`signs “${text}” byte for byte as we do, and we verify it`, async () => {
        const signature = peer.sign(privatePem, text);
        assert.equal(signature, await ours.sign(Buffer.from(text)));
        sameBytes(await PublicKey.import(publicPem).verify(signature), Buffer.from(text));
      });
    }

    test('refuses, as we do, a signature over other data', async () => {
      const [sign, bits, signature] = (await ours.sign(Buffer.from('yes'))).split('.');
      const forged = [sign, bits, signature, base64url(Buffer.from('no!'))].join('.');
      assert.equal(
        verdict(() => peer.verify(publicPem, forged)),
        null,
      );
      await assert.rejects(PublicKey.import(publicPem).verify(forged), withCode('DECRYPTION_FAILED'));
    });

    test('wraps a key pair under a KEK that we open and use', async () => {
      const kek = SymmetricKey.generate();
      const pair = await KeyPair.unwrap(await peer.encryptText(kek.export(), privatePem), kek);
      assert.equal(pair.publicKeyPem, publicPem);
      const key = SymmetricKey.generate();
      const opened = await pair.decryptKey(await peer.rsaEncrypt(publicPem, Buffer.from(key.export(), 'base64url')));
      assert.equal(opened.export(), key.export());
    });

    test('opens a key pair that we wrapped, and reads the very text that it was imported from', async () => {
      const kek = SymmetricKey.generate();
      assert.equal(await peer.decryptText(kek.export(), await ours.wrapWith(kek)), privatePem);
    });

    test('makes a key pair that we import, print alike and use both ways', async () => {
      const theirs = await peer.generateKeyPair();
      const pair = await KeyPair.import(theirs.privateKey);
      assert.equal(pair.publicKeyPem, theirs.publicKey);
      assert.equal(pair.fingerprint, PublicKey.import(theirs.publicKey).fingerprint);
      await worksBothWays(peer, pair, theirs);
    });
  });
}

describe('a key pair that we make', () => {
  let pair;
  let pem;
  before(async () => {
    pair = await KeyPair.generate(4096);
    const kek = SymmetricKey.generate();
    pem = await old.decryptText(kek.export(), await pair.wrapWith(kek));
  });

  test('is written as the peers’ library writes it: PKCS#1 and SPKI, 64 columns, CRLF', () => {
    const key = forge.pki.privateKeyFromPem(pem);
    assert.equal(pem, forge.pki.privateKeyToPem(key));
    assert.equal(pair.publicKeyPem, forge.pki.publicKeyToPem(forge.pki.setRsaPublicKey(key.n, key.e)));
    assert.match(pem, /^-----BEGIN RSA PRIVATE KEY-----\r\n/);
    assert.match(pem, /\r\n-----END RSA PRIVATE KEY-----\r\n$/);
    assert.equal(key.n.bitLength(), 4096);
    assert.equal(key.e.toString(), '65537');
  });

  for (const peer of peers) {
    test(`is used both ways by ${peer.name}`, async () => {
      await worksBothWays(peer, pair, { privateKey: pem, publicKey: pair.publicKeyPem });
    });
  }
});

describe('other forms of keys that the peers’ library writes', () => {
  const key = forge.pki.privateKeyFromPem(privatePem);

  test('of a private key, PKCS#8, is read by us', async () => {
    const pkcs8 = forge.pki.privateKeyInfoToPem(forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(key)));
    assert.match(pkcs8, /^-----BEGIN PRIVATE KEY-----\r\n/);
    assert.equal((await KeyPair.import(pkcs8)).publicKeyPem, publicPem);
  });

  test('of a public key, PKCS#1, is read by us and is the same key', () => {
    const pkcs1 = forge.pki.publicKeyToRSAPublicKeyPem(forge.pki.setRsaPublicKey(key.n, key.e));
    assert.match(pkcs1, /^-----BEGIN RSA PUBLIC KEY-----\r\n/);
    assert.equal(PublicKey.import(pkcs1).fingerprint, PublicKey.import(publicPem).fingerprint);
  });

  test('of a public key, PKCS#1 with LF and an empty line behind it, verifies what was signed', async () => {
    const pkcs1 = forge.pki.publicKeyToRSAPublicKeyPem(forge.pki.setRsaPublicKey(key.n, key.e));
    const published = `${pkcs1.replaceAll('\r\n', '\n')}\n`;
    for (const peer of peers) {
      const signed = bytesOf('signed');
      sameBytes(await PublicKey.import(published).verify(peer.sign(privatePem, 'signed')), signed);
    }
  });
});

test('what 0.9.0 signs of binary data beyond ASCII is over other bytes than it says, and neither of us verifies it', async () => {
  const { serialized } = older.signBinaryWithPrivateKey(privatePem, '\u0080\u00ff');
  assert.equal(older.verifyBinaryWithPublicKey(publicPem, older.loadBinaryRsaSignature(serialized)), false);
  await assert.rejects(PublicKey.import(publicPem).verify(serialized), withCode('DECRYPTION_FAILED'));
  const ascii = older.signBinaryWithPrivateKey(privatePem, 'ascii').serialized;
  sameBytes(await PublicKey.import(publicPem).verify(ascii), Buffer.from('ascii'));
});

/** A key each way, and a signature each way. */
async function worksBothWays(peer, pair, { privateKey, publicKey }) {
  const key = SymmetricKey.generate();
  const bytes = Buffer.from(key.export(), 'base64url');
  sameBytes(await peer.rsaDecrypt(privateKey, await PublicKey.import(publicKey).encryptKey(key)), bytes);
  assert.equal((await pair.decryptKey(await peer.rsaEncrypt(publicKey, bytes))).export(), key.export());
  assert.equal(peer.verify(publicKey, await pair.sign(bytesOf('signed'))), 'signed');
  sameBytes(await PublicKey.import(publicKey).verify(peer.sign(privateKey, 'signed')), bytesOf('signed'));
}

/** The peers say no by an answer or by an exception. */
function verdict(verify) {
  try {
    return verify();
  } catch {
    return null;
  }
}

function bytesOf(text) {
  return new Uint8Array(Buffer.from(text));
}
