/** Invitations by code, in the built package: the link that is handed over, and what both sides see. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import jsQR from 'jsqr';
import { openBench } from './support/bench.mjs';
import { openInNode, passphrase, vaultshare } from './support/in-node.mjs';

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

describe('a link, from page to page', () => {
  let bench;
  let attacker;

  before(async () => {
    bench = await openBench();
    await vaultshare.default();
    const pair = await vaultshare.KeyPair.generate(2048);
    attacker = pair.publicKeyPem;
    pair.free();
  });
  after(() => bench?.close());

  /** A page with a user of its own, whose server can be told to put another key in the place of each that it shows. */
  const openPageOf = async (name) => {
    const page = await bench.openPage();
    await page.evaluate(
      async ({ name, passphrase, attacker }) => {
        // Every text in a reply that is a public key of somebody else's; the user's own are left as they are.
        const swap = (value, own) => {
          if (Array.isArray(value)) return value.map((entry) => swap(entry, own));
          if (value === null || typeof value !== 'object') return value;
          return Object.fromEntries(
            Object.entries(value).map(([field, entry]) => {
              const isKey = typeof entry === 'string' && entry.startsWith('-----BEGIN PUBLIC KEY');
              return [field, isKey && !own.has(entry) ? attacker : swap(entry, own)];
            }),
          );
        };
        globalThis.swapsKeys = false;
        globalThis.sent = [];
        const own = new Set();
        const lying = async (request) => {
          const isOwn = request.method === 'POST' && new URL(request.url).pathname.endsWith('/keypairs');
          if (isOwn) own.add((await request.clone().json()).public_key);
          globalThis.sent.push(`${request.method} ${new URL(request.url).pathname}`);
          const response = await fetch(request);
          if (!globalThis.swapsKeys || response.status >= 300 || response.status === 204) return response;
          return new Response(JSON.stringify(swap(await response.json(), own)), {
            status: response.status,
            headers: { 'content-type': 'application/json' },
          });
        };
        const client = new globalThis.vaultshare.VaultClient({ ...globalThis.services, fetch: lying, memory: false });
        globalThis.name = name;
        globalThis.user = await client.createUser(passphrase);
      },
      { name, passphrase, attacker },
    );
    return page;
  };

  const invite = (page) =>
    page.evaluate(async () => {
      const invitation = await globalThis.user.invitations.create({ name: 'Bob', by: 'code' });
      return invitation.link(location.href);
    });

  /** Opens the link as who clicks it does, takes the code out of the address, and accepts. */
  const accept = (page, link) =>
    page.evaluate(async (link) => {
      history.replaceState(null, '', link);
      const code = location.hash;
      history.replaceState(null, '', location.pathname);
      try {
        const { verified } = await globalThis.user.connections.accept(code, { name: 'Alice' });
        return verified;
      } catch (error) {
        return error.code;
      }
    }, link);

  const swapKeys = (page, swaps) =>
    page.evaluate((swaps) => {
      globalThis.swapsKeys = swaps;
    }, swaps);

  /** What comes of sharing over the only connection: the state of it, and the outcome. */
  const share = (page) =>
    page.evaluate(async () => {
      const { connections, items, shares } = globalThis.user;
      const [connection] = (await connections.inspectAll()).entries;
      const item = await items.create({ template: 'custom', label: 'x', slots: { pin: '1234' } });
      globalThis.sent = [];
      const outcome = await shares.create({ itemId: item.id, connectionId: connection.id }).then(
        () => 'shared',
        (error) => error.code,
      );
      return {
        verified: connection.verified,
        outcome,
        sent: globalThis.sent.filter((sent) => !sent.startsWith('GET ')),
      };
    });

  it('connects two who each know the other’s key, over a server that shows both', async () => {
    const [alice, bob] = [await openPageOf('Alice'), await openPageOf('Bob')];
    assert.equal(await accept(bob, await invite(alice)), 'code');
    const shared = await share(alice);
    assert.deepEqual([shared.verified, shared.outcome], ['code', 'shared']);
    await alice.close();
    await bob.close();
  });

  it('is refused to the invitee where the server shows another key than the inviter’s, and nothing stays', async () => {
    const [alice, bob] = [await openPageOf('Alice'), await openPageOf('Bob')];
    const link = await invite(alice);
    await swapKeys(bob, true);
    assert.equal(await accept(bob, link), 'KEY_CHANGED');
    await swapKeys(bob, false);
    const left = await bob.evaluate(async () => (await globalThis.user.connections.list()).entries.length);
    assert.equal(left, 0);
    await alice.close();
    await bob.close();
  });

  it('discloses nothing to the key that the server shows the inviter in the place of the invitee’s', async () => {
    const [alice, bob] = [await openPageOf('Alice'), await openPageOf('Bob')];
    assert.equal(await accept(bob, await invite(alice)), 'code');
    await swapKeys(alice, true);
    const refused = await share(alice);
    assert.deepEqual(refused, { verified: false, outcome: 'UNVERIFIED_KEY', sent: [] });
    await swapKeys(alice, false);
    assert.deepEqual((await share(alice)).outcome, 'shared', 'once the server tells the truth');
    await alice.close();
    await bob.close();
  });

  it('and the safety number are read by another device’s camera as they are', async () => {
    const alice = await openPageOf('Alice');
    const texts = [await invite(alice), '12345 67890 12345 67890 12345 67890 12345 67890 12345 67890 12345 67890'];
    for (const text of texts) {
      const { width, pixels, svg } = await bench.page.evaluate(async (text) => {
        const svg = await globalThis.vaultshare.qrCode(text);
        const image = new Image();
        image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
        await image.decode();
        const width = 240;
        const canvas = Object.assign(document.createElement('canvas'), { width, height: width });
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0, width, width);
        return { svg, width, pixels: Array.from(context.getImageData(0, 0, width, width).data) };
      }, text);
      assert.equal(jsQR(Uint8ClampedArray.from(pixels), width, width)?.data, text);
      assert.ok(!svg.includes('script'));
    }
    const tooLong = bench.page.evaluate(() =>
      globalThis.vaultshare.qrCode('x'.repeat(2332)).catch((error) => error.code),
    );
    assert.equal(await tooLong, 'INVALID_ARGUMENT');
    await alice.close();
  });
});
