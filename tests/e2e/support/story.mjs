/** The first share as a script for a blank page: what the traffic and the memory tests watch from outside. */

/** One value is beyond ASCII: it is written down in more ways than one, and must be found in none. */
export const story = {
  label: 'DeLorean',
  values: { licence_plate: 'NotACatDefsACar', model_make: 'DMC-12 · Δt at 𝟠𝟠 mph ⚡' },
  passphrases: { alice: 'supersecretpassword', bob: 'ein Maß für Geheimnisse' },
};

/**
 * Runs in the page (so it may use nothing from outside itself): Alice and Bob sign up, Alice keeps an item, they
 * connect, she shares it, he reads it, both sign out, and he comes back to read it again.
 */
export async function shareOnce({ label, values, passphrases }) {
  const { VaultClient } = globalThis.vaultshare;
  const client = new VaultClient(globalThis.services);
  const readBy = async (session) => {
    const { entries } = await session.shares.incoming();
    const { item } = await session.shares.get(entries[0].id);
    return Object.fromEntries(Object.keys(values).map((name) => [name, item.value(name)]));
  };

  const alice = await client.createUser(passphrases.alice);
  const bob = await client.createUser(passphrases.bob);
  const item = await alice.items.create({ template: 'vehicle', label, slots: values });
  const invitation = await alice.invitations.create({ name: 'Bob' });
  await bob.connections.accept(invitation.token, { name: 'Alice' });
  const {
    entries: [connection],
  } = await alice.connections.list();
  await alice.shares.create({ itemId: item.id, connectionId: connection.id });
  const read = await readBy(bob);

  const users = {
    alice: { secret: alice.secret, userId: alice.userId },
    bob: { secret: bob.secret, userId: bob.userId },
  };
  await alice.signOut();
  await bob.signOut();
  const bobAgain = await client.signIn(users.bob.secret, passphrases.bob);
  const readAfterSigningInAgain = await readBy(bobAgain);
  await bobAgain.signOut();
  return { ...users, read, readAfterSigningInAgain };
}
