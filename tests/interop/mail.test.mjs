// Our server's invitations by e-mail, sent to other people's mail server: smtp-server 3.21.6.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { SMTPServer } from 'smtp-server';

import { freePort } from '../e2e/support/free-port.mjs';
import { startServer } from '../e2e/support/server.mjs';
import { VaultClient, withCode } from './ours.mjs';

const passphrase = 'supersecretpassword';
const app = 'https://app.example/';

/** A mail server that keeps what it gets. `onData` may answer otherwise. */
class MailServer {
  messages = [];

  async start(port, options = {}) {
    this.server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData: (stream, session, answer) => {
        const chunks = [];
        stream.on('data', (chunk) => chunks.push(chunk));
        stream.on('end', () => {
          const { mailFrom, rcptTo } = session.envelope;
          const text = Buffer.concat(chunks).toString().replace(/=\r\n/g, '').replace(/=3D/g, '='); // quoted-printable
          this.messages.push({ from: mailFrom.address, to: rcptTo.map(({ address }) => address), text });
          answer();
        });
      },
      ...options,
    });
    this.server.on('error', () => {}); // A client that was killed leaves its connection broken.
    this.server.listen(port, '127.0.0.1');
    await once(this.server.server, 'listening');
    return this;
  }

  async stop() {
    if (this.server)
      await new Promise((done) => {
        this.server.close(done);
      });
    this.server = undefined;
  }
}

/** Waits for something to come true. */
async function until(what, condition) {
  for (let tenths = 0; tenths < 300; tenths += 1) {
    const result = await condition();
    if (result) return result;
    await sleep(100);
  }
  throw new Error(`waited in vain for ${what}`);
}

describe('invitations by e-mail', () => {
  let data;
  let port;
  let mailServer;
  let server;
  let users;

  const start = async () => {
    server = await startServer({
      data,
      more: [
        '--smtp-url',
        `smtp://127.0.0.1:${port}`,
        '--mail-from',
        'vaultshare <invitations@app.example>',
        '--public-url',
        app,
      ],
    });
    return new VaultClient({ vaultUrl: `${server.url}/vault`, keystoreUrl: `${server.url}/keystore` });
  };
  const restart = async () => {
    const client = await start();
    for (const name of Object.keys(users)) users[name] = await client.signIn(users[name].secret, passphrase);
  };
  const mailOf = async (id) =>
    (await users.alice.invitations.list({ all: true })).entries.find((invitation) => invitation.id === id)?.mail;

  before(async () => {
    data = await mkdtemp(join(tmpdir(), 'vaultshare-mail-'));
    port = await freePort();
    mailServer = new MailServer();
    const client = await start();
    users = { alice: await client.createUser(passphrase), bob: await client.createUser(passphrase) };
  });
  after(async () => {
    await server?.stop();
    await mailServer.stop();
    await rm(data, { recursive: true, force: true });
  });

  test('wait for a mail server that is down, also across a server that is killed, and arrive once', async () => {
    const invitation = await users.alice.invitations.create({ name: 'Bob', email: 'bob@example.org' });
    assert.deepEqual([invitation.email, invitation.mail], ['bob@example.org', 'waiting']);
    await until('a first attempt', () => server.log().includes('message will be retried'));
    await server.kill();
    await restart();
    assert.equal(await mailOf(invitation.id), 'waiting');

    await mailServer.start(port);
    await until('the message', async () => (await mailOf(invitation.id)) === 'sent');
    assert.equal(mailServer.messages.length, 1);
    const [{ from, to, text }] = mailServer.messages;
    assert.deepEqual([from, to], ['invitations@app.example', ['bob@example.org']]);
    const link = `${app}#invitation=${invitation.id}.${invitation.token}`;
    assert.ok(text.includes(link) && text.includes('Content-Type: text/html'), text);
    assert.ok(!text.includes(users.alice.userId) && !text.includes(users.alice.secret.split('.')[2]));
    assert.ok(!server.log().includes(invitation.token) && !server.log().includes('bob@example.org'), server.log());

    await server.kill();
    await restart();
    await sleep(3_000);
    assert.equal(mailServer.messages.length, 1, 'nothing is sent twice');
  });

  test('are accepted by the id and token in the message, once', async () => {
    const [, id, token] = /#invitation=([^.]+)\.(\S+)/.exec(mailServer.messages[0].text);
    const connection = await users.bob.connections.accept({ id, token }, { name: 'Alice' });
    assert.equal(connection.userId, users.alice.userId);
    const carlos = await new VaultClient({
      vaultUrl: `${server.url}/vault`,
      keystoreUrl: `${server.url}/keystore`,
    }).createUser(passphrase);
    await assert.rejects(carlos.connections.accept({ id, token }, { name: 'Alice' }), withCode('NOT_FOUND'));
  });

  test('are given up when the mail server refuses them, and the sender sees it', async () => {
    await mailServer.stop();
    const refuse = (address, _session, answer) =>
      answer(Object.assign(new Error(`no mailbox ${address.address} here`), { responseCode: 550 }));
    await mailServer.start(port, { onRcptTo: refuse });
    const { id } = await users.alice.invitations.create({ name: 'Nobody', email: 'nobody@example.org' });
    await until('the end', async () => (await mailOf(id)) === 'failed');
    assert.match(server.log(), /given up.*550|550.*given up/);
    assert.ok(!server.log().includes('nobody@example.org'), 'the mail server’s words are not logged');
  });

  test('are not sent twice when the server is killed while it hands one on', async () => {
    await mailServer.stop();
    let received = 0;
    // Takes the message and never says so.
    await mailServer.start(port, {
      onData: (stream) =>
        stream
          .on('end', () => {
            received += 1;
          })
          .resume(),
    });
    const { id } = await users.alice.invitations.create({ name: 'Carlos', email: 'carlos@example.org' });
    await until('the message', () => received === 1);
    await server.kill();
    await mailServer.stop();
    mailServer.messages = [];
    await mailServer.start(port);
    await restart();
    assert.equal(await mailOf(id), 'failed');
    await sleep(3_000);
    assert.deepEqual(mailServer.messages, []);
  });

  test('go to addresses of every script, and fail at once where the mail server does not take one', async () => {
    const before = mailServer.messages.length;
    const sent = async (email) => {
      const { id, email: kept } = await users.alice.invitations.create({ name: 'Bob', email });
      const state = await until('the outcome', async () => {
        const mail = await mailOf(id);
        return mail !== 'waiting' && mail;
      });
      return [kept, state];
    };
    assert.deepEqual(await sent(' Bob <bob@bücher.example> '), ['bob@bücher.example', 'sent']);
    assert.deepEqual(await sent('jörg@example.org'), ['jörg@example.org', 'sent']);
    const [toBob, toJoerg] = mailServer.messages.slice(before);
    assert.ok(toBob.text.includes('\r\nTo: bob@xn--bcher-kva.example\r\n'), toBob.text);
    assert.deepEqual(toJoerg.to, ['jörg@example.org']);
    await mailServer.stop();
    await mailServer.start(port, { hideSMTPUTF8: true });
    assert.deepEqual(await sent('jörg@example.org'), ['jörg@example.org', 'failed']);
    assert.deepEqual(await sent('bob@bücher.example'), ['bob@bücher.example', 'sent']);
    const refused = await users.alice.invitations
      .create({ name: 'Bob', email: 'bob@[127.0.0.1]' })
      .catch((error) => error);
    assert.deepEqual([refused.code, refused.serverCode], ['INVALID_ARGUMENT', 'invalid_email']);
    assert.match(refused.message, /; the server says: "invitation\.email: .* IP address is not delivered"$/);
  });
});
