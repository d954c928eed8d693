/** One large file in this page, from an input to a file in the page's own folder on the disk. */
import init, { VaultClient } from '/pkg/index.js';
import { createUser } from './floor/account.mjs';
import { attach, readFile } from './floor/files.mjs';
import { createItem } from './floor/items.mjs';

const PART = 16 * 1024 * 1024;

export async function prepare(url) {
  await init();
  const [file] = document.querySelector('input').files;
  const slots = [{ name: 'a_key', value: 'a value' }];
  const client = new VaultClient({ vaultUrl: `${url}/vault`, keystoreUrl: `${url}/keystore`, prepareKeyPairs: false });
  const session = await client.createUser('a passphrase');
  const { id: itemId } = await session.items.create({ template: 'custom', label: 'Ours', slots: { a_key: 'a value' } });
  const user = await createUser(url, 'a passphrase');
  const { item } = await createItem(user, 'custom', 'Floor', slots);
  const attached = {};

  return {
    ours: {
      attach: timed(async () => {
        const attachment = await session.items.attach(itemId, file);
        await attached.ours?.remove();
        attached.ours = attachment;
      }),
      read: timed(async () => (await attached.ours.open()).pipeTo(await onDisk())),
    },
    floor: {
      attach: timed(async () => {
        const attachment = await attach(user, item.id, slots[0].name, file);
        if (attached.floor) await user.vault('DELETE', `/direct/attachments/${attached.floor.id}`);
        attached.floor = attachment;
      }),
      read: timed(async () => {
        const writer = (await onDisk()).getWriter();
        await readFile(user, attached.floor, (chunk) => writer.write(chunk));
        await writer.close();
      }),
    },
    /** Whether what ours reads once more is the file, byte for byte. */
    async isSame() {
      await (await attached.ours.open()).pipeTo(await onDisk());
      const read = await (await place()).getFile();
      if (read.size !== file.size) return false;
      for (let at = 0; at < file.size; at += PART) {
        const parts = [file, read].map((one) => one.slice(at, at + PART).arrayBuffer());
        const [one, other] = (await Promise.all(parts)).map((part) => new Uint8Array(part));
        if (one.some((byte, index) => byte !== other[index])) return false;
      }
      return true;
    },
  };
}

const place = async () => (await navigator.storage.getDirectory()).getFileHandle('read.bin', { create: true });
const onDisk = async () => (await place()).createWritable();

function timed(work) {
  return async () => {
    const started = performance.now();
    await work();
    return performance.now() - started;
  };
}
