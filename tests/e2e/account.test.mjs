/** A passphrase that is changed, and one that is forgotten; an account that is left. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openInNode, passphrase } from './support/in-node.mjs';

describe('an account', () => {
  let world;
  let client;

  before(async () => {
    world = await openInNode();
    client = world.makeClient();
  });
  after(() => world?.close());

  const makeUser = async () => {
    const session = await client.createUser(passphrase);
    const { id } = await session.items.create({ template: 'vehicle', label: 'Car', slots: { vin: 'the value' } });
    return { session, id, secret: session.secret };
  };
  const reads = async (session, id) => (await session.items.get(id)).value('vin');

  it('has another passphrase, and the old one opens nothing', async () => {
    const { session, id, secret } = await makeUser();
    await session.changePassphrase(passphrase, 'another');
    await assert.rejects(client.signIn(secret, passphrase), { code: 'LOGIN_FAILED' });
    assert.equal(await reads(await client.signIn(secret, 'another'), id), 'the value');
    assert.equal(await reads(session, id), 'the value');
  });

  it('is recovered by what its user printed, until that is revoked', async () => {
    const { session, id, secret } = await makeUser();
    assert.equal(await session.recoveryKeySince(), undefined);
    const recoveryKey = await session.createRecoveryKey(passphrase);
    assert.match(recoveryKey, /^recovery\.[^.]+\.[1-9A-Za-z]+\.[1-9A-Za-z-]+$/);
    assert.ok(Date.now() - Date.parse(await session.recoveryKeySince()) < 600_000);

    const recovered = await client.recover(` ${recoveryKey}\n`, 'another');
    assert.equal(await reads(recovered, id), 'the value');
    assert.notEqual(recovered.secret, secret);
    await assert.rejects(client.signIn(secret, passphrase), { code: 'LOGIN_FAILED' });
    assert.equal(await reads(await client.signIn(recovered.secret, 'another'), id), 'the value');
    const again = await client.recover(recoveryKey, 'a third', { secret: recovered.secret });
    assert.equal(again.secret, recovered.secret);

    await again.revokeRecoveryKey();
    await assert.rejects(client.recover(recoveryKey, 'a fourth'), { code: 'LOGIN_FAILED' });
    for (const odd of ['', 'recovery.a.b', secret]) {
      await assert.rejects(client.recover(odd, 'a fourth'), (error) => {
        assert.equal(error.code, 'INVALID_SECRET');
        assert.ok(odd === '' || !error.message.includes(odd));
        return true;
      });
    }
    await assert.rejects(again.createRecoveryKey('not theirs'), { code: 'LOGIN_FAILED' });
  });

  it('is queued for deletion, and kept', async () => {
    const { session, secret } = await makeUser();
    await assert.rejects(session.deleteAccount('not theirs'), { code: 'LOGIN_FAILED' });
    const { queuedForDeletionAfter, keystoreFollows } = await session.deleteAccount(passphrase);
    const days = (Date.parse(queuedForDeletionAfter) - Date.now()) / 86_400_000;
    assert.ok(days > 13.9 && days < 14.1 && keystoreFollows);
    const other = await client.signIn(secret, passphrase);
    assert.equal((await other.user()).queuedForDeletionAfter, queuedForDeletionAfter);
    await other.keepAccount();
    assert.equal((await session.user()).queuedForDeletionAfter, undefined);
  });
});
