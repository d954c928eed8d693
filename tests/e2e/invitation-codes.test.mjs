/** Invitations by code, in the built package: the link that is handed over, and what both sides see. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openInNode, passphrase } from './support/in-node.mjs';

describe('an invitation by code', () => {
  let world;
  let alice;
  let bob;

  before(async () => {
    world = await openInNode();
    const client = world.makeClient();
    alice = await client.createUser(passphrase);
    bob = await client.createUser(passphrase);
  });
  after(async () => {
    alice?.close();
    bob?.close();
    await world?.close();
  });

  it('is a link behind whose # the code stands, and makes a connection that both know to be with the other', async () => {
    const invitation = await alice.invitations.create({ name: 'Bob', by: 'code' });
    const link = invitation.link(new URL('https://app.example/welcome?a=1#old'));
    assert.equal(link, `https://app.example/welcome?a=1#vs1=${invitation.code}`);
    assert.deepEqual(Object.keys({ ...invitation }).includes('link'), false);
    assert.equal(invitation.token, invitation.code);

    const toAlice = await bob.connections.accept(link, { name: 'Alice' });
    const [toBob] = (await alice.connections.list()).entries;
    assert.deepEqual([toAlice.verified, toBob.verified], ['code', 'code']);
    const item = await alice.items.create({ template: 'custom', label: 'x', slots: { pin: '1234' } });
    await alice.shares.create({ itemId: item.id, connectionId: toBob.ref, version: item.version });
    const [share] = (await bob.shares.incoming()).entries;
    assert.equal((await bob.shares.get(share.id)).item.value('pin'), '1234');
  });

  it('may be given back as it is, and is refused where it was cut short, or the server would mail it', async () => {
    const carlos = await world.makeClient().createUser(passphrase);
    const invitation = await alice.invitations.create({ name: 'Carlos', by: 'code' });
    const cut = carlos.connections.accept(invitation.code.slice(0, -1), { name: 'Alice' });
    await assert.rejects(cut, { code: 'INVALID_ARGUMENT' });
    const connection = await carlos.connections.accept({ ...invitation, id: invitation.id }, { name: 'Alice' });
    assert.equal(connection.verified, 'code');
    const mailed = alice.invitations.create({ name: 'Bob', by: 'code', email: 'bob@example.com' });
    await assert.rejects(mailed, { code: 'INVALID_ARGUMENT' });
    carlos.close();
  });
});
