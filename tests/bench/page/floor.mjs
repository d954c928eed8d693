/**
 * The floor's turns: the same work by bare `crypto.subtle` and bare `fetch`, as fast as we can write it and with nothing
 * beside it. It checks little and is no client; it is the line that no client in a browser gets below.
 */
import { createUser, signIn } from './floor/account.mjs';
import { importKey, openAt, seal } from './floor/envelope.mjs';
import { attach, readFile } from './floor/files.mjs';
import { createItem, openItem, updateItem } from './floor/items.mjs';
import { remember, resume } from './floor/resume.mjs';
import { generatePair } from './floor/rsa.mjs';
import { inviterOf, learnConnection, openShared, read, refresh, share, storeConnectionPair } from './floor/sharing.mjs';
import { fromBase64url } from './floor/text.mjs';

export async function makeFloor({ scene, stage }) {
  const enter = ({ secret, passphrase }) => signIn(scene.url, secret, passphrase);

  return {
    signIn: async () => ({ run: () => enter(scene.alice), outcome: ({ userId }) => userId }),

    resume: async () => {
      await remember(scene.url, await enter(scene.alice));
      return { run: () => resume(scene.url), outcome: ({ userId }) => userId };
    },

    createUser: async () => ({
      run: () => createUser(scene.url, scene.alice.passphrase),
      outcome: ({ secret }) => secret,
    }),

    create: async () => {
      const alice = await enter(scene.alice);
      return {
        run: () => createItem(alice, scene.template, 'Ten', stage.tenSlots),
        outcome: ({ item }) => item.id,
      };
    },

    update: async () => {
      const alice = await enter(scene.alice);
      let itemId;
      return {
        before: async () => {
          itemId = await stage.newItem();
        },
        run: () => updateItem(alice, itemId, ...stage.changedSlot),
        outcome: ({ item }) => item.id,
      };
    },

    share: async () => {
      const alice = await enter(scene.alice);
      await learnConnection(alice, scene.connectionId);
      let itemId;
      return {
        before: async () => {
          itemId = await stage.newItem();
        },
        run: () => share(alice, itemId, scene.connectionId),
        outcome: ({ id }) => id,
      };
    },

    'read-share-first': async () => {
      let bob;
      return {
        before: async () => {
          bob = await enter(scene.bob);
        },
        run: () => read(bob, scene.ten.shareId),
        outcome: values,
      };
    },

    'read-share-again': async () => {
      const bob = await enter(scene.bob);
      return { run: () => read(bob, scene.ten.shareId), outcome: values };
    },

    'decrypt-1000': async () => {
      const { dek } = await enter(scene.carlos);
      return {
        async run() {
          const items = await stage.manyItems();
          return Promise.all(items.map(({ item, slots }) => openItem(dek, item, slots)));
        },
        outcome: (items) => items.map(({ rows }) => values(rows)),
      };
    },

    'receive-1000': async () => {
      const bob = await enter(scene.bob);
      const run = async () => {
        const items = await stage.receivedItems();
        return Promise.all(items.map(({ item, slots, share }) => openShared(bob, share, item, slots)));
      };
      await run();
      return { run, outcome: (items) => items.map(values) };
    },

    'refresh-200': async () => {
      const carlos = await enter(scene.carlos);
      return { run: () => refresh(carlos, scene.twenty.itemId), outcome: (count) => count };
    },

    'encrypt-16MiB': async () => {
      const key = await importKey(fromBase64url(stage.keyText));
      return { run: () => seal(key, stage.bytes), outcome: (envelope) => envelope };
    },

    'decrypt-16MiB': async () => {
      const key = await importKey(fromBase64url(stage.keyText));
      const envelope = await stage.envelope();
      return { run: () => openAt(key, envelope), outcome: ({ bytes }) => bytes };
    },

    'attach-64MiB': async () => {
      const alice = await enter(scene.alice);
      const itemId = await stage.newItem();
      return {
        run: () => attach(alice, itemId, stage.changedSlot[0], stage.file),
        outcome: async (attached) => {
          const digest = stage.lengthAndEnds();
          await readFile(alice, attached, digest.take);
          return digest.result();
        },
        after: ({ id }) => alice.vault('DELETE', `/direct/attachments/${id}`),
      };
    },

    'read-64MiB': async () => {
      const alice = await enter(scene.alice);
      const attached = await attach(alice, await stage.newItem(), stage.changedSlot[0], stage.file);
      return {
        async run() {
          const digest = stage.lengthAndEnds();
          await readFile(alice, attached, digest.take);
          return digest.result();
        },
        outcome: (result) => result,
        close: () => alice.vault('DELETE', `/direct/attachments/${attached.id}`),
      };
    },

    'invitations.create': async () => {
      const alice = await enter(scene.alice);
      let pair;
      return {
        before: async () => {
          pair = await generatePair();
        },
        async run() {
          const { public_key, ...invitation } = await storeConnectionPair(alice, pair, 'open', 'a friend');
          return alice.vault('POST', '/invitations', { public_key, invitation });
        },
        outcome: ({ invitation }) => invitation.token,
      };
    },

    'connections.accept': async () => {
      const alice = await enter(scene.alice);
      let pair;
      let invitation_token;
      return {
        before: async () => {
          [pair, invitation_token] = await Promise.all([generatePair(), stage.invite()]);
        },
        async run() {
          const rule = `to.${await inviterOf(alice, invitation_token)}`;
          const { public_key, ...details } = await storeConnectionPair(alice, pair, rule, 'a friend');
          return alice.vault('POST', '/connections', { public_key, connection: { ...details, invitation_token } });
        },
        outcome: ({ connection }) => connection.the_other_user.user_id,
        after: ({ connection }) => stage.disconnect(connection.own.id),
      };
    },
  };
}

/** In the order of the slots' names. */
function values(slots) {
  return [...slots].sort((one, other) => (one.name < other.name ? -1 : 1)).map(({ value }) => value);
}
