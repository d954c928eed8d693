/** Files of items, as an app attaches and reads them. What a lying server can do with them is tested natively. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openInNode, passphrase, vaultshare } from './support/in-node.mjs';

const chunk = 1024 * 1024;

/** Bytes of which no two chunks are alike. */
function content(length, salt = 0) {
  return Uint8Array.from({ length }, (_, at) => (at % 251) ^ Math.floor(at / chunk) ^ salt);
}

const bytesOf = async (stream) => new Uint8Array(await new Response(stream).arrayBuffer());

/** A stream of parts that do not end where chunks do. */
function streamOf(bytes, part = 300_001) {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + part));
      at += part;
      return undefined;
    },
  });
}

describe('a file', () => {
  let world;
  let alice;
  let bob;
  let toBob;

  before(async () => {
    world = await openInNode();
    alice = await world.makeClient().createUser(passphrase);
    bob = await world.makeClient().createUser(passphrase);
    const { token } = await alice.invitations.create({ name: 'Bob' });
    await bob.connections.accept(token, { name: 'Alice' });
    [toBob] = (await alice.connections.list()).entries;
  });
  after(async () => {
    alice?.close();
    bob?.close();
    await world?.close();
  });

  const makeItem = async () =>
    (await alice.items.create({ template: 'vehicle', label: 'Car', slots: { licence_plate: 'OUTATIME' } })).id;

  it('is attached from whatever holds its bytes, and read as it was', async () => {
    const item = await makeItem();
    const bytes = content(2 * chunk + 5);
    const named = { name: 'a film.mp4', type: 'video/mp4' };
    const sources = {
      'a File': [new File([bytes], named.name, { type: named.type })],
      'a Blob': [new Blob([bytes]), named],
      bytes: [bytes, named],
      'a stream': [streamOf(bytes), named],
      'a stream of large parts': [streamOf(bytes, 3 * chunk), named],
    };
    for (const [kind, [file, options]] of Object.entries(sources)) {
      const progress = [];
      const attached = await alice.items.attach(item, file, {
        ...options,
        label: kind,
        onProgress: ({ done, total }) => progress.push([done, total]),
      });
      assert.deepEqual([attached.name, attached.type, attached.size], [named.name, named.type, bytes.length], kind);
      assert.deepEqual([attached.label, attached.itemId], [kind, item]);
      assert.deepEqual(progress.at(-1), [bytes.length, kind.startsWith('a stream') ? 0 : bytes.length], kind);
      const listed = (await alice.items.attachments(item)).find(({ label }) => label === kind);
      assert.equal(listed.id, attached.id);
      for (const one of [attached, listed]) {
        assert.deepEqual(await bytesOf(await one.open({ requireBound: true })), bytes, kind);
      }
      const blob = await attached.blob();
      assert.deepEqual([new Uint8Array(await blob.arrayBuffer()), blob.type], [bytes, named.type], kind);
    }
    const slots = (await alice.items.get(item)).slots.filter(({ type }) => type === 'attachment');
    assert.deepEqual(slots.map(({ label }) => label).sort(), Object.keys(sources).sort());
  });

  it('is read in part', async () => {
    const item = await makeItem();
    const bytes = content(2 * chunk + 5);
    const attached = await alice.items.attach(item, bytes, { name: 'a' });
    for (const [start, end] of [
      [0, 1],
      [chunk - 1, chunk + 1],
      [2 * chunk, undefined],
      [undefined, 10],
      [5, 5],
      [bytes.length, undefined],
    ]) {
      assert.deepEqual(
        await bytesOf(await attached.open({ start, end })),
        bytes.slice(start, end),
        `${start} to ${end}`,
      );
    }
    const reader = (await attached.open()).getReader();
    assert.equal((await reader.read()).value.length, chunk);
    await reader.cancel();
    for (const wrong of [{ start: -1 }, { end: 1.5 }, { start: '0' }, { requireBound: 'yes' }]) {
      await assert.rejects(attached.open(wrong), { name: 'VaultError', code: 'INVALID_ARGUMENT' });
    }
  });

  it('is shared with its item, without being sent again, and ends with the share', async () => {
    const item = await makeItem();
    const bytes = content(chunk + 1);
    await alice.items.attach(item, new File([bytes], 'a.png', { type: 'image/png' }));
    const sent = world.requests.length;
    const share = await alice.shares.create({ itemId: item, connectionId: toBob.ref });
    assert.ok(world.requests.slice(sent).every((request) => !request.includes('/blobs/')));
    const { item: received } = await bob.shares.get(share.id);
    const [attached] = await bob.items.attachments(received.id);
    assert.deepEqual(await bytesOf(await attached.open()), bytes);
    await assert.rejects(bob.items.attach(received.id, bytes, { name: 'b' }), { code: 'NOT_OWNER' });
    await assert.rejects(attached.remove(), { code: 'NOT_OWNER' });
    await alice.shares.delete(share.id);
    await assert.rejects(attached.open(), { name: 'VaultError', code: 'NOT_FOUND' });
  });

  it('has the small pictures that an app adds, which its recipients see', async () => {
    const item = await makeItem();
    const attached = await alice.items.attach(item, content(3), { name: 'a.png', type: 'image/png' });
    // Node.js draws nothing.
    assert.deepEqual([attached.thumbnails, await attached.thumbnail()], [[], undefined]);
    const jpeg = new Uint8Array([0xff, 0xd8, 0xff, 1]);
    const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 2]);
    await attached.addThumbnail(png);
    await attached.addThumbnail(new Blob([jpeg]), { size: '512x512' });
    await attached.addThumbnail(jpeg, { size: '512x512' });
    const share = await alice.shares.create({ itemId: item, connectionId: toBob.id });
    const [received] = await bob.items.attachments((await bob.shares.get(share.id)).item.id);
    for (const file of [attached, received]) {
      assert.deepEqual(
        file.thumbnails.map(({ size, type }) => [size, type]),
        [
          ['256x256', 'image/png'],
          ['512x512', 'image/jpeg'],
        ],
      );
      const shown = async (options) => {
        const blob = await file.thumbnail(options);
        return blob && [blob.type, new Uint8Array(await blob.arrayBuffer())];
      };
      assert.deepEqual(await shown(), ['image/png', png]);
      assert.deepEqual(await shown({ size: '512x512' }), ['image/jpeg', jpeg]);
      assert.equal(await shown({ size: '128x128' }), undefined);
    }
    await assert.rejects(received.addThumbnail(png), { code: 'NOT_FOUND' });
    for (const [picture, options] of [
      [new Uint8Array([1, 2, 3])],
      [new Uint8Array(600_000).fill(0xff)],
      [png, { size: '1x1' }],
      ['text'],
      [undefined],
    ]) {
      await assert.rejects(attached.addThumbnail(picture, options), { name: 'VaultError', code: 'INVALID_ARGUMENT' });
    }
    await assert.rejects(attached.thumbnail({ size: 256 }), { code: 'INVALID_ARGUMENT' });
  });

  it('fills the slot that a template has for a picture', async () => {
    const item = await makeItem();
    const attached = await alice.items.attach(item, content(3), { name: 'a.png', slot: 'image' });
    const slot = (await alice.items.get(item)).slots.find(({ id }) => id === attached.slotId);
    assert.deepEqual([slot.name, slot.type, attached.label], ['image', 'image', slot.label]);
    await assert.rejects(alice.items.attach(item, content(3), { name: 'a.png', slot: 'vin' }), {
      code: 'INVALID_ARGUMENT',
    });
  });

  it('is removed with its slot', async () => {
    const item = await makeItem();
    const attached = await alice.items.attach(item, content(3), { name: 'a.png' });
    await attached.remove();
    assert.deepEqual(await alice.items.attachments(item), []);
    assert.ok(!(await alice.items.get(item)).slots.some(({ id }) => id === attached.slotId));
    await assert.rejects(attached.open(), { code: 'NOT_FOUND' });
  });

  it('has a type that runs nothing in a page, whatever its writer and the server say', async () => {
    const item = await makeItem();
    for (const [type, given] of [
      ['image/png', 'image/png'],
      ['audio/ogg', 'audio/ogg'],
      ['audio/vnd.wave-1+x', 'audio/vnd.wave-1+x'],
      ['audio/x,text/html', 'application/octet-stream'],
      ['video/x text/html', 'application/octet-stream'],
      ['video/x;text/html', 'application/octet-stream'],
      ['text/html', 'application/octet-stream'],
      ['image/svg+xml', 'application/octet-stream'],
      ['text/javascript', 'application/octet-stream'],
      ['image/png; x', 'application/octet-stream'],
    ]) {
      const attached = await alice.items.attach(item, content(3), { name: 'a', type });
      assert.deepEqual([attached.type, (await attached.blob()).type], [type, given]);
    }
  });

  it('goes on after a cut connection, and after a reload, with what is missing', async () => {
    const item = await makeItem();
    const file = new File([content(6 * chunk)], 'film.mp4');
    const send = world.fetch;
    let blocks = 0;
    const sent = [];
    const counting = (limit) => async (request) => {
      if (!request.url.includes('comp=block&')) return send(request);
      blocks += 1;
      if (blocks > limit) {
        await Promise.all(sent);
        throw new TypeError('the connection was cut');
      }
      const reply = send(request);
      sent.push(reply);
      return reply;
    };
    world.fetch = counting(3);
    await assert.rejects(alice.items.attach(item, file), { code: 'NETWORK' });
    blocks = 0;
    world.fetch = counting(100);
    const reloaded = await world.makeClient().signIn(alice.secret, passphrase);
    const attached = await reloaded.items.attach(item, file);
    // One more is what lies beside the file.
    assert.equal(blocks, 3 + 1);
    world.fetch = send;
    assert.deepEqual(await bytesOf(await attached.open()), new Uint8Array(await file.arrayBuffer()));
    reloaded.close();
  });

  it('that cannot be read to its end fails the call, and adds nothing', async () => {
    const item = await makeItem();
    const reason = new Error('the disk is gone');
    const failing = new ReadableStream({
      pull(controller) {
        controller.error(reason);
      },
    });
    await assert.rejects(alice.items.attach(item, failing, { name: 'a' }), (error) => {
      assert.deepEqual([error.code, error.cause], ['INVALID_ARGUMENT', reason]);
      return true;
    });
    for (const odd of [
      new ReadableStream({ start: (controller) => controller.enqueue('text') }),
      new ReadableStream({ start: (controller) => controller.enqueue(new ArrayBuffer(3)) }),
    ]) {
      await assert.rejects(alice.items.attach(item, odd, { name: 'a' }), { code: 'INVALID_ARGUMENT' });
    }
    const locked = streamOf(content(3));
    locked.getReader();
    await assert.rejects(alice.items.attach(item, locked, { name: 'a' }), { code: 'INVALID_ARGUMENT' });
    await assert.rejects(alice.items.attach(item, content(3)), { code: 'INVALID_ARGUMENT' });
    assert.deepEqual(await alice.items.attachments(item), []);
  });

  it('that is given up is not read any further', async () => {
    const item = await makeItem();
    let cancelled;
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(chunk)),
      cancel() {
        cancelled = true;
      },
    });
    const controller = new AbortController();
    const pending = alice.items.attach(item, endless, {
      name: 'a',
      signal: controller.signal,
      onProgress: ({ done }) => done > 3 * chunk && controller.abort(),
    });
    await assert.rejects(pending, { name: 'VaultError', code: 'ABORTED' });
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    assert.equal(cancelled, true);
    assert.deepEqual(await alice.items.attachments(item), []);
  });

  it('fails while it is read where the session ends, or a piece is another', async () => {
    const item = await makeItem();
    const bytes = content(12 * chunk);
    const other = await world.makeClient().signIn(alice.secret, passphrase);
    const attached = await other.items.attach(item, bytes, { name: 'a' });
    const send = world.fetch;
    world.fetch = async (request) => {
      const response = await send(request);
      const range = request.headers.get('range');
      if (range !== `bytes=${chunk}-${2 * chunk - 1}`) return response;
      const lie = new Uint8Array(await response.arrayBuffer());
      lie[5] ^= 1;
      return new Response(lie, response);
    };
    const reader = (await attached.open()).getReader();
    assert.deepEqual((await reader.read()).value, bytes.slice(0, chunk));
    await assert.rejects(
      reader.read(),
      (error) => vaultshare.isVaultError(error) && error.code === 'DECRYPTION_FAILED',
    );
    world.fetch = send;
    const again = (await attached.open()).getReader();
    await again.read();
    other.close();
    const rest = async () => {
      while (!(await again.read()).done);
    };
    await assert.rejects(rest(), { name: 'VaultError', code: 'SESSION_CLOSED' });
    await assert.rejects(attached.open(), { code: 'SESSION_CLOSED' });
  });
});
