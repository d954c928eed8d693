/**
 * Reading a message that the demo's server wrote to a file instead of mailing it. Enough of MIME for what that server
 * writes: two parts, in quoted-printable.
 */

/** The message that carries an invitation, or null where the server did not write it to a file but really mailed it. */
export async function fetchMessage(invitationId) {
  const reply = await fetch(`./inbox/${encodeURIComponent(invitationId)}.eml`);
  return reply.ok ? readMessage(await reply.text()) : null;
}

function readMessage(source) {
  const header = (name) => new RegExp(`^${name}: (.*?)\r?$`, 'm').exec(source)?.[1] ?? '';
  const boundary = /boundary="([^"]+)"/.exec(source)?.[1];
  const part = source.split(`--${boundary}`).find((candidate) => candidate.includes('Content-Type: text/plain')) ?? '';
  const text = decode(part.slice(part.search(/\r?\n\r?\n/))).trim();
  return {
    from: header('From'),
    subject: header('Subject'),
    text,
    link: /https?:\/\/\S+#invitation=[\w-]+\.[\w-]+/.exec(text)?.[0],
  };
}

function decode(quotedPrintable) {
  const joined = quotedPrintable.replace(/=\r?\n/g, '');
  const bytes = Uint8Array.from(
    joined.replace(/=([0-9A-F]{2})/g, (_, code) => String.fromCharCode(parseInt(code, 16))),
    (character) => character.charCodeAt(0),
  );
  return new TextDecoder().decode(bytes);
}
