/**
 * The peer's turns: `@meeco/sdk` 0.0.13-alpha for workflows, `@meeco/cryppo` 2.0.2 for primitives, as published and
 * bundled for the browser.
 */

export async function makePeer({ scene, stage }) {
  const [sdk, cryppo] = await Promise.all([import('/peer/sdk.js'), import('/peer/cryppo.js')]);
  sdk.configureFetch(fetch.bind(globalThis));
  const environment = new sdk.Environment({
    vault: { url: `${scene.url}/vault`, subscription_key: 'bench' },
    keystore: { url: `${scene.url}/keystore`, subscription_key: 'bench', provider_api_key: '' },
  });
  const users = new sdk.UserService(environment);
  const connections = new sdk.ConnectionService(environment);
  const shares = new sdk.ShareService(environment);
  const items = new sdk.ItemService(environment);
  const signIn = ({ secret, passphrase }) => users.getAuthData(passphrase, secret);
  // It keeps nothing between two calls but what it hands out here, so one session does for all cases.
  const sessions = new Map();
  const signedIn = (user) => {
    if (!sessions.has(user)) sessions.set(user, signIn(user));
    return sessions.get(user);
  };

  return {
    signIn: async () => ({
      run: () => signIn(scene.alice),
      outcome: async ({ vault_access_token }) => (await users.getUser(vault_access_token)).user.id,
    }),

    createUser: async () => ({
      async run() {
        const secret = await new sdk.SecretService().generateSecret(await users.generateUsername());
        return users.create(scene.alice.passphrase, secret);
      },
      outcome: ({ secret }) => secret,
    }),

    create: async () => {
      const { vault_access_token, data_encryption_key } = await signedIn(scene.alice);
      const slots = stage.tenSlots.map(({ name, value }) => ({ name, label: name, value }));
      return {
        run: () =>
          items.create(vault_access_token, data_encryption_key, {
            template_name: scene.template,
            item: { label: 'Ten' },
            slots,
          }),
        outcome: ({ item }) => item.id,
      };
    },

    // It neither looks at the item before nor at the tasks afterwards.
    update: async () => {
      const { vault_access_token, data_encryption_key } = await signedIn(scene.alice);
      const [name, value] = stage.changedSlot;
      let itemId;
      return {
        before: async () => {
          itemId = await stage.newItem();
        },
        run: () =>
          items.update(vault_access_token, data_encryption_key, { id: itemId, slots: [{ name, value }], label: 'Ten' }),
        outcome: ({ item }) => item.id,
      };
    },

    share: async () => {
      const alice = await signedIn(scene.alice);
      const terms = { sharing_mode: 'owner', acceptance_required: 'acceptance_not_required' };
      let itemId;
      return {
        before: async () => {
          itemId = await stage.newItem();
        },
        run: () => shares.shareItem(alice, scene.connectionId, itemId, terms),
        outcome: ({ shares: [{ id }] }) => id,
      };
    },

    'read-share-first': async () => {
      let bob;
      return {
        before: async () => {
          bob ??= await signedIn(scene.bob);
        }, // It keeps nothing between two readings.
        run: () => shares.getSharedItemIncoming(bob, scene.ten.shareId),
        outcome: ({ slots }) => values(slots),
      };
    },

    'read-share-again': async () => {
      const bob = await signedIn(scene.bob);
      return {
        run: () => shares.getSharedItemIncoming(bob, scene.ten.shareId),
        outcome: ({ slots }) => values(slots),
      };
    },

    // The SDK has no call for many items; this is what it does for each. The cryppo that it brings, 0.9.0, is about as
    // fast at it as 2.0.2.
    'decrypt-1000': async () => {
      const carlos = await signedIn(scene.carlos);
      return {
        async run() {
          const items = await stage.manyItems();
          return Promise.all(
            items.map(({ slots }) => sdk.ItemService.decryptAllSlots(slots, carlos.data_encryption_key)),
          );
        },
        outcome: (items) => items.map(values),
      };
    },

    'refresh-200': async () => {
      const carlos = await signedIn(scene.carlos);
      return {
        run: () => shares.updateSharedItem(carlos, scene.twenty.itemId),
        outcome: (updated) => updated.shares.length,
      };
    },

    'encrypt-16MiB': async () => {
      const key = cryppo.EncryptionKey.fromSerialized(stage.keyText);
      return {
        run: () => cryppo.encryptWithKey({ key, data: stage.bytes, strategy: cryppo.CipherStrategy.AES_GCM }),
        outcome: ({ serialized }) => serialized,
      };
    },

    'decrypt-16MiB': async () => {
      const key = cryppo.EncryptionKey.fromSerialized(stage.keyText);
      const serialized = await stage.envelope();
      return { run: () => cryppo.decryptWithKey({ key, serialized }), outcome: (bytes) => bytes };
    },

    'invitations.create': async () => {
      const alice = await signedIn(scene.alice);
      return { run: () => connections.createInvitation('a friend', alice), outcome: ({ token }) => token };
    },

    'connections.accept': async () => {
      const alice = await signedIn(scene.alice);
      let token;
      return {
        before: async () => {
          token = await stage.invite();
        },
        run: () => connections.acceptInvitation('a friend', token, alice),
        outcome: ({ the_other_user }) => the_other_user.user_id,
        after: ({ own }) => stage.disconnect(own.id),
      };
    },

    'signIn-without-subtle': async () => ({
      run: () => signIn(scene.alice),
      outcome: async ({ vault_access_token }) => (await users.getUser(vault_access_token)).user.id,
    }),
  };
}

/** In the order of the slots' names. */
function values(slots) {
  return [...slots].sort((one, other) => (one.name < other.name ? -1 : 1)).map(({ value }) => value);
}
