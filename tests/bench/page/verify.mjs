/** Looks once for each client and case whether the work was really done, so that nothing broken is called fast. */

/**
 * @returns {Promise<void>} rejects where an outcome is not the right one
 */
export async function verify({ name, client }, outcome, { scene, stage }) {
  const checks = {
    signIn: () => same(outcome, scene.alice.userId),
    'signIn-without-subtle': () => same(outcome, scene.alice.userId),
    resume: () => same(outcome, scene.alice.userId),
    createUser: async () => {
      const { userId } = await stage.enter({ secret: outcome, passphrase: scene.alice.passphrase });
      if (!userId) throw new Error('the user who was made cannot sign in');
    },
    create: async () => same(await stage.readByAlice(outcome), scene.ten.values),
    update: async () => {
      const [name, value] = stage.changedSlot;
      const expected = stage.tenSlots.map((slot) => (slot.name === name ? value : slot.value));
      same(await stage.readByAlice(outcome), expected);
    },
    share: async () => same(await stage.readByBob(outcome, client), scene.ten.values),
    'read-share-first': () => same(outcome, scene.ten.values),
    'read-share-again': () => same(outcome, scene.ten.values),
    'decrypt-1000': () => same(outcome, scene.many.values),
    'receive-1000': () => same(outcome, scene.many.values),
    'refresh-200': async () => {
      same(outcome, scene.twenty.recipients);
      same(await stage.readByBob(scene.twenty.shareIdOfBob, client), scene.twenty.values);
      const dek = await stage.dekOfBob(scene.twenty.shareIdOfBob);
      if (dek === scene.twenty.lastDek) throw new Error('the share has the DEK that it had before');
      scene.twenty.lastDek = dek;
    },
    'encrypt-16MiB': async () => sameBytes(await stage.open(outcome), stage.bytes),
    'decrypt-16MiB': () => sameBytes(outcome, stage.bytes),
    'attach-64MiB': async () => sameFile(outcome, stage.file),
    'read-64MiB': async () => sameFile(outcome, stage.file),
    'invitations.create': async () => same((await stage.invitation(outcome)).token, outcome),
    'connections.accept': async () => same(outcome, await stage.inviterId()),
  };
  await checks[name]();
}

function same(actual, expected) {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (one !== other) throw new Error(`the outcome is ${one?.slice(0, 300)} and should be ${other.slice(0, 300)}`);
}

function sameBytes(actual, expected) {
  if (actual.length !== expected.length || !expected.every((byte, index) => actual[index] === byte)) {
    throw new Error('the bytes are not those that were encrypted');
  }
}

async function sameFile({ length, first, ends }, file) {
  const at = async (index) => new Uint8Array(await file.slice(index, index + 1).arrayBuffer())[0];
  const chunk = 1024 * 1024;
  const expected = ends.map((_, index) => at(Math.min((index + 1) * chunk, file.size) - 1));
  same({ length, first, ends }, { length: file.size, first: await at(0), ends: await Promise.all(expected) });
}
