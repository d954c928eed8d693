/** Our client's turns. Each case gives what to do before the clock runs, while it runs, and what came of it. */
import init, { SymmetricKey, VaultClient } from '/pkg/index.js';

export async function makeOurs({ scene, stage }) {
  await init();
  const services = { vaultUrl: `${scene.url}/vault`, keystoreUrl: `${scene.url}/keystore` };
  // Making a key pair ahead of need would take a core from whichever client's turn it is: only where that is the case.
  const client = new VaultClient({ ...services, prepareKeyPairs: false });
  const preparing = new VaultClient(services);
  const signIn = ({ secret, passphrase }) => client.signIn(secret, passphrase);

  return {
    signIn: async () => ({
      run: () => signIn(scene.alice),
      outcome: ({ userId }) => userId,
      after: (session) => session.close(),
    }),

    resume: async () => {
      const session = await signIn(scene.alice);
      await session.remember();
      return {
        run: () => client.resume(),
        outcome: ({ userId }) => userId,
        after: (resumed) => resumed.close(),
        close: () => session.close(),
      };
    },

    createUser: async () => ({
      run: () => client.createUser(scene.alice.passphrase),
      outcome: ({ secret }) => secret,
      after: (session) => session.close(),
    }),

    create: async () => {
      const session = await signIn(scene.alice);
      return {
        run: () =>
          session.items.create({
            template: scene.template,
            label: 'Ten',
            slots: stage.tenSlots.map(({ name, value }) => ({ name, label: name, value })),
          }),
        outcome: ({ id }) => id,
        close: () => session.close(),
      };
    },

    update: async () => {
      const session = await signIn(scene.alice);
      const [name, value] = stage.changedSlot;
      let itemId;
      return {
        before: async () => {
          itemId = await stage.newItem();
        },
        run: () => session.items.update(itemId, { slots: { [name]: value } }),
        outcome: ({ item }) => item.id,
        close: () => session.close(),
      };
    },

    share: async () => {
      const session = await signIn(scene.alice);
      await session.connections.list();
      let itemId;
      return {
        before: async () => {
          itemId = await stage.newItem();
        },
        run: () => session.shares.create({ itemId, connectionId: scene.connectionId }),
        outcome: ({ id }) => id,
        close: () => session.close(),
      };
    },

    'read-share-first': async () => {
      let session;
      return {
        before: async () => {
          session = await signIn(scene.bob);
        },
        run: () => session.shares.get(scene.ten.shareId),
        outcome: ({ item }) => values(item),
        after: () => session.close(),
      };
    },

    'read-share-again': async () => {
      const session = await signIn(scene.bob);
      return {
        run: () => session.shares.get(scene.ten.shareId),
        outcome: ({ item }) => values(item),
        close: () => session.close(),
      };
    },

    'decrypt-1000': async () => {
      const replayed = new VaultClient({ ...services, prepareKeyPairs: false, fetch: replaying() });
      const session = await replayed.signIn(scene.carlos.secret, scene.carlos.passphrase);
      return {
        run: () => session.items.getMany(scene.many.itemIds),
        outcome: (outcomes) => outcomes.map(({ item }) => values(item)),
        close: () => session.close(),
      };
    },

    'receive-1000': async () => {
      const replayed = new VaultClient({ ...services, prepareKeyPairs: false, fetch: replaying() });
      const session = await replayed.signIn(scene.bob.secret, scene.bob.passphrase);
      const read = () => session.items.getMany(scene.received.itemIds);
      await read();
      return {
        run: read,
        outcome: (outcomes) =>
          outcomes.map(({ item }) => {
            if (item.owner !== 'proven') throw new Error('nothing proves whose item it is');
            return values(item);
          }),
        close: () => session.close(),
      };
    },

    'refresh-200': async () => {
      const session = await signIn(scene.carlos);
      return {
        run: () => session.shares.refresh(scene.twenty.itemId),
        outcome: ({ shares }) => shares,
        close: () => session.close(),
      };
    },

    'encrypt-16MiB': async () => {
      const key = SymmetricKey.import(stage.keyText);
      return { run: () => key.encryptBytes(stage.bytes), outcome: (envelope) => envelope, close: () => key.free() };
    },

    'decrypt-16MiB': async () => {
      const key = SymmetricKey.import(stage.keyText);
      const envelope = await stage.envelope();
      return { run: () => key.decryptBytes(envelope), outcome: (bytes) => bytes, close: () => key.free() };
    },

    'attach-64MiB': async () => {
      const session = await signIn(scene.alice);
      const itemId = await stage.newItem();
      return {
        run: () => session.items.attach(itemId, stage.file, { name: 'a file' }),
        outcome: (attachment) => readWhole(attachment, stage.lengthAndEnds()),
        after: (attachment) => attachment.remove(),
        close: () => session.close(),
      };
    },

    'read-64MiB': async () => {
      const session = await signIn(scene.alice);
      const attachment = await session.items.attach(await stage.newItem(), stage.file, { name: 'a file' });
      return {
        run: () => readWhole(attachment, stage.lengthAndEnds()),
        outcome: (result) => result,
        close: async () => {
          await attachment.remove();
          session.close();
        },
      };
    },

    'invitations.create': async () => {
      const session = await preparing.signIn(scene.alice.secret, scene.alice.passphrase);
      return {
        before: () => stage.pairReady(),
        run: () => session.invitations.create({ name: 'a friend' }),
        outcome: ({ token }) => token,
        close: () => session.close(),
      };
    },

    'connections.accept': async () => {
      const session = await preparing.signIn(scene.alice.secret, scene.alice.passphrase);
      let token;
      return {
        before: async () => {
          token = await stage.invite();
          await stage.pairReady();
        },
        run: () => session.connections.accept(token, { name: 'a friend' }),
        outcome: ({ userId }) => userId,
        after: ({ id }) => stage.disconnect(id),
        close: () => session.close(),
      };
    },

    'signIn-without-subtle': async () => ({
      run: () => signIn(scene.alice),
      outcome: ({ userId }) => userId,
      after: (session) => session.close(),
    }),
  };
}

/** In the order of the slots' names. */
function values({ slots }) {
  return [...slots].sort((one, other) => (one.name < other.name ? -1 : 1)).map(({ value }) => value);
}

/** A `fetch` that asks the network once for each list of items and shares, and answers from memory from then on. */
function replaying() {
  const replies = new Map();
  return async (request) => {
    if (!/\/vault\/(items|incoming_shares)$/.test(new URL(request.url).pathname)) return fetch(request);
    if (!replies.has(request.url)) replies.set(request.url, await (await fetch(request)).arrayBuffer());
    return new Response(replies.get(request.url), { headers: { 'Content-Type': 'application/json' } });
  };
}

async function readWhole(attachment, digest) {
  const reader = (await attachment.open()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return digest.result();
    digest.take(value);
  }
}
