/** Items as apps hand them on: names as they were written, slots of one item for another, and an item that is given back. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openInNode, passphrase } from './support/in-node.mjs';

describe('an item', () => {
  let world;
  let session;
  let otherDevice;

  before(async () => {
    world = await openInNode();
    const client = world.makeClient();
    session = await client.createUser(passphrase);
    otherDevice = await client.signIn(session.secret, passphrase);
  });
  after(async () => {
    session?.close();
    otherDevice?.close();
    await world?.close();
  });

  const make = (slots) => session.items.create({ template: 'custom', label: 'Contact', slots });
  const valuesOf = (item) => item.slots.filter(({ value }) => value !== null).map(({ label, value }) => [label, value]);

  it('has its values by names as they were written, and as they are stored', async () => {
    const slots = { userName: 'marty', 'Größe (cm)': '163', '📞': '555', '🏠': 'Lyon Estates', C: '1', 'C++': '2' };
    const item = await make(slots);
    for (const [name, value] of Object.entries(slots)) assert.equal(item.value(name), value, name);
    assert.equal(item.value('username'), 'marty');
    assert.equal(item.value('USERNAME '), 'marty');
    for (const name of ['C#', '🚲', '', 'user']) assert.equal(item.value(name), undefined, name);
  });

  it('keeps every field of one label, and another item takes them all', async () => {
    const slots = ['1', '2'].map((value) => ({ label: 'Phone', value }));
    const item = await make(slots);
    const { item: more } = await session.items.update(item.id, { slots: [{ label: 'Phone', value: '3' }] });
    const expected = ['1', '2', '3'].map((value) => ['Phone', value]);
    assert.deepEqual(valuesOf(more), expected);
    assert.deepEqual(valuesOf(await make(more.slots)), expected);
    await assert.rejects(
      session.items.update(item.id, { slots: ['1', '2'].map((value) => ({ name: 'phone', value })) }),
      { code: 'INVALID_ARGUMENT', message: '`slots[1]` has the name of `slots[0]`' },
    );
  });

  it('takes the words of a slot along', async () => {
    const item = await make([{ label: 'Phone', value: '1', description: 'at work' }]);
    const phone = ({ slots }) => slots.find(({ name }) => name === 'phone');
    assert.equal(phone(item).description, 'at work');
    assert.equal(phone(await make(item.slots)).description, 'at work');
    const { item: changed } = await session.items.update(item.id, {
      slots: [{ name: 'phone', description: 'at home' }],
    });
    assert.equal(phone(changed).description, 'at home');
    assert.equal(changed.value('phone'), '1');
  });

  it('may have as many slots as an item can', async () => {
    const slots = Array.from({ length: 9_990 }, (_, index) => ({ label: `Field ${index}` }));
    const item = await make(slots);
    const { item: same } = await session.items.update(item.id, item);
    assert.equal(same.version, item.version);
  });

  it('is taken with all that it shows, and with nothing that it does not', async () => {
    const item = await make({ phone: '1' });
    const copied = await session.items.create({ template: 'custom', ...item });
    assert.deepEqual(valuesOf(copied), valuesOf(item));
    const slots = [{ label: 'Mail', vlaue: 'a@example.com' }];
    await assert.rejects(session.items.update(item.id, { slots }), {
      code: 'INVALID_ARGUMENT',
      message: '`change.slots[0].vlaue` is no field that this has',
    });
    const named = Object.assign([], { phone: '1' });
    await assert.rejects(make(named), { code: 'INVALID_ARGUMENT', message: /`item\.slots`/ });
    const template = await session.templates.create({ label: 'Contact', slots: item.slots });
    await session.templates.create({ ...template, name: 'another', label: 'Another' });
  });

  it('is not written over what another device has written since it was read', async () => {
    const item = await make({ phone: '1', email: 'a@example.com' });
    const phone = item.slots.findIndex(({ name }) => name === 'phone');
    await otherDevice.items.update(item.id, { slots: { phone: '2' } });

    const conflict = (error) => error.code === 'CONFLICT' && error.message.includes(`\`slots[${phone}]\``);
    await assert.rejects(session.items.update(item.id, item), conflict);
    await assert.rejects(session.items.update(item.id, JSON.parse(JSON.stringify(item))), conflict);
    const email = { ...item.slots.find(({ name }) => name === 'email'), value: 'b@example.com' };
    const { item: merged } = await session.items.update(item.id, { ...item, slots: [email] });
    assert.deepEqual([merged.value('phone'), merged.value('email')], ['2', 'b@example.com']);
    const { item: over } = await session.items.update(item.id, item, { overwrite: true });
    assert.deepEqual([over.value('phone'), over.value('email')], ['1', 'a@example.com']);
    await assert.rejects(session.items.update(item.id, { slots: { email: 'c@example.com' }, version: item.version }), {
      code: 'CONFLICT',
    });
  });
});
