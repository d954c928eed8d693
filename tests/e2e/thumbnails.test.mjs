/** The small pictures that a page makes of the pictures that are attached in it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBench } from './support/bench.mjs';
import { passphrase } from './support/in-node.mjs';

describe('a picture that is attached in a page', () => {
  let bench;
  let item;

  before(async () => {
    bench = await openBench();
    item = await bench.page.evaluate(async (passphrase) => {
      const client = new globalThis.vaultshare.VaultClient(globalThis.services);
      globalThis.session = await client.createUser(passphrase);
      /** A picture of these sides, of which no two pixels beside each other are alike. */
      globalThis.draw = async (width, height, type) => {
        const canvas = new OffscreenCanvas(width, height);
        const context = canvas.getContext('2d');
        for (let x = 0; x < width; x += 16) {
          context.fillStyle = `hsl(${x % 360} 80% 50%)`;
          context.fillRect(x, 0, 8, height);
        }
        return canvas.convertToBlob({ type });
      };
      const { id } = await globalThis.session.items.create({ template: 'vehicle', label: 'car', slots: { vin: '1' } });
      return id;
    }, passphrase);
  });
  after(() => bench?.close());

  const attach = (width, height, type, options = {}) =>
    bench.page.evaluate(
      async ({ item, width, height, type, options }) => {
        const blob = await globalThis.draw(width, height, type);
        const attached = await globalThis.session.items.attach(item, blob, { name: 'a', ...options });
        const small = await attached.thumbnail();
        const bitmap = small && (await createImageBitmap(small));
        return {
          listed: attached.thumbnails.map(({ size, type }) => `${size} ${type}`),
          shown: bitmap && [bitmap.width, bitmap.height, small.type],
        };
      },
      { item, width, height, type, options },
    );

  it('has a small one of it, in its own proportions, as JPEG or else as PNG', async () => {
    assert.deepEqual(await attach(1200, 600, 'image/jpeg'), {
      listed: ['256x256 image/jpeg'],
      shown: [256, 128, 'image/jpeg'],
    });
    assert.deepEqual(await attach(300, 1200, 'image/png'), {
      listed: ['256x256 image/png'],
      shown: [64, 256, 'image/png'],
    });
    // Of one that is small already, a copy; of a stripe, at least a pixel.
    assert.deepEqual((await attach(20, 10, 'image/png')).shown, [20, 10, 'image/png']);
    assert.deepEqual((await attach(4000, 2, 'image/png')).shown, [256, 1, 'image/png']);
  });

  it('has none where the app wants none, or the file is no picture', async () => {
    const none = { listed: [], shown: undefined };
    assert.deepEqual(await attach(100, 100, 'image/png', { thumbnail: false }), none);
    assert.deepEqual(await attach(100, 100, 'image/png', { type: 'application/pdf' }), none);
    const listed = await bench.page.evaluate(async (item) => {
      const broken = new File([new Uint8Array(100)], 'broken.png', { type: 'image/png' });
      return (await globalThis.session.items.attach(item, broken)).thumbnails;
    }, item);
    assert.deepEqual(listed, []);
  });

  it('of 24 megapixels has one too', async () => {
    assert.deepEqual(await attach(6000, 4000, 'image/jpeg'), {
      listed: ['256x256 image/jpeg'],
      shown: [256, 171, 'image/jpeg'],
    });
  });
});
