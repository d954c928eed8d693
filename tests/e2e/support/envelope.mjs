/**
 * Reads ciphertext envelopes with nothing but node:crypto, so that these tests do not trust the code they test.
 *
 *     Aes256Gcm.<data>.<artefacts>     artefacts: the byte `A`, then a BSON document with iv, at (the tag) and ad
 *     Rsa4096.<data>.QQUAAAAA          OAEP with SHA-1
 */
import { constants, createDecipheriv, privateDecrypt } from 'node:crypto';

/** @returns {Buffer} the plaintext; throws where key and ciphertext do not belong together */
export function openSymmetric(envelope, key) {
  const [strategy, data, artefacts] = envelope.split('.');
  if (strategy !== 'Aes256Gcm') throw new Error(`expected an AES envelope, met ${strategy}`);
  const { iv, at, ad } = readArtefacts(Buffer.from(artefacts, 'base64url'));
  const decipher = createDecipheriv('aes-256-gcm', key, iv);
  decipher.setAuthTag(at);
  decipher.setAAD(Buffer.from(ad, 'utf8'));
  return Buffer.concat([decipher.update(Buffer.from(data, 'base64url')), decipher.final()]);
}

/** @returns {Buffer} what was sealed for the owner of the private key */
export function openAsymmetric(envelope, privateKey) {
  const [strategy, data] = envelope.split('.');
  if (!/^Rsa\d+$/.test(strategy)) throw new Error(`expected an RSA envelope, met ${strategy}`);
  return privateDecrypt(
    { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
    Buffer.from(data, 'base64url'),
  );
}

function readArtefacts(bytes) {
  if (bytes[0] !== 0x41) throw new Error('the artefacts do not start with the byte A');
  return readBson(bytes.subarray(1));
}

/** As much of BSON as the format uses: binary values and strings. */
function readBson(document) {
  const fields = {};
  let at = 4; // The length of the document comes first.
  while (document[at] !== 0) {
    const type = document[at];
    const nameEnd = document.indexOf(0, at + 1);
    const name = document.toString('utf8', at + 1, nameEnd);
    const length = document.readInt32LE(nameEnd + 1);
    const start = nameEnd + 5;
    if (type === 0x05) {
      // Binary: a subtype byte, then the bytes.
      fields[name] = document.subarray(start + 1, start + 1 + length);
      at = start + 1 + length;
    } else if (type === 0x02) {
      // String: its length counts the final zero.
      fields[name] = document.toString('utf8', start, start + length - 1);
      at = start + length;
    } else {
      throw new Error(`unexpected type ${type} in the artefacts`);
    }
  }
  return fields;
}
