/**
 * Finds a secret in a heap of bytes, however it was written down: as it is, in hexadecimal, in either base64
 * alphabet and at any of the three places where its bytes may start within a base64 group.
 */

/** Both a private key's numbers and its usual encodings: any of them gives the key away. */
export function privateKeySecrets(privateKey, name) {
  const jwk = privateKey.export({ format: 'jwk' });
  const numbers = ['d', 'p', 'q', 'dp', 'dq', 'qi'].map((part) => ({
    name: `${name}: ${part}`,
    bytes: Buffer.from(jwk[part], 'base64url'),
  }));
  const encodings = ['pkcs1', 'pkcs8'].flatMap((type) => [
    { name: `${name}: ${type} DER`, bytes: privateKey.export({ format: 'der', type }) },
    { name: `${name}: ${type} PEM`, bytes: Buffer.from(privateKey.export({ format: 'pem', type })) },
    {
      name: `${name}: ${type} PEM with CRLF`,
      bytes: Buffer.from(privateKey.export({ format: 'pem', type }).replaceAll('\n', '\r\n')),
    },
  ]);
  return [...numbers, ...encodings];
}

export function textSecret(name, text) {
  return { name, bytes: Buffer.from(text, 'utf8'), text };
}

export function keySecret(name, bytes) {
  return { name, bytes };
}

/** @returns {{ form: string, bytes: Buffer }[]} every way to write the secret that the search knows */
export function writtenForms({ bytes, text }) {
  const forms = [
    { form: 'as it is', bytes },
    { form: 'hex', bytes: Buffer.from(bytes.toString('hex')) },
    { form: 'HEX', bytes: Buffer.from(bytes.toString('hex').toUpperCase()) },
  ];
  for (const offset of [0, 1, 2]) {
    const standard = withinBase64(bytes, offset);
    forms.push({ form: `base64 at offset ${offset}`, bytes: Buffer.from(standard) });
    forms.push({
      form: `base64url at offset ${offset}`,
      bytes: Buffer.from(standard.replaceAll('+', '-').replaceAll('/', '_')),
    });
  }
  if (text !== undefined) {
    forms.push({ form: 'percent-encoded', bytes: Buffer.from(encodeURIComponent(text)) });
    forms.push({ form: 'JSON-escaped', bytes: Buffer.from(escapedForJson(text)) });
    forms.push({ form: 'UTF-16', bytes: Buffer.from(text, 'utf16le') });
  }
  return forms;
}

/** The part of the base64 text that depends on these bytes alone, when `offset` other bytes come before them. */
function withinBase64(bytes, offset) {
  const whole = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  return whole.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}

function escapedForJson(text) {
  const inner = JSON.stringify(text).slice(1, -1);
  return inner.replaceAll(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** @returns {string[]} one sentence per place where a secret was found; empty when none was */
export function search(secrets, exchanges) {
  const findings = new Set();
  const forms = secrets.flatMap((secret) => writtenForms(secret).map((written) => ({ name: secret.name, ...written })));
  for (const exchange of exchanges) {
    for (const [place, bytes] of Object.entries(placesOf(exchange))) {
      const heaps = [bytes, withoutLineBreaks(bytes)];
      for (const { name, form, bytes: needle } of forms) {
        if (heaps.some((heap) => heap.includes(needle)))
          findings.add(`${name}, ${form}, in the ${place} of ${exchange.method} ${exchange.path}`);
      }
    }
  }
  return [...findings];
}

function placesOf({ method, url, requestHeaders, requestBody, responseHeaders, responseBody }) {
  return {
    'request line': Buffer.from(`${method} ${url}`),
    'request headers': Buffer.from(requestHeaders.join('\n')),
    'request body': requestBody,
    'response headers': Buffer.from(responseHeaders.join('\n')),
    'response body': responseBody,
  };
}

/** PEM breaks its base64 into lines, and JSON writes the breaks as escapes: undo both. */
function withoutLineBreaks(bytes) {
  return Buffer.from(bytes.toString('latin1').replaceAll(/\\r|\\n|[\r\n]/g, ''), 'latin1');
}
