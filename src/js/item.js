/**
 * An item with its slots, and `value(name)`: the slot's value, null for an empty one, undefined where there is no such slot.
 * As `Item::slot` in Rust finds it, a name is the machine name, or the label as it was typed, or the machine name otherwise
 * spelled.
 * The method is not enumerable, so that copying and JSON see the data alone.
 *
 * @param {string} records JSON of the item without the two lists, of what its values vouch for, of its slots, which
 *   are still empty, and of its classifications:
 *   the engine makes objects of one text far sooner than it sets their properties one by one
 * @param {(string | null)[]} values of the slots, in their order, which are not copied into a text of many
 */
export function itemOf(records, values) {
  const [summary, state, slots, classifications] = JSON.parse(records);
  slots.forEach((slot, index) => {
    slot.value = values[index];
  });
  return Object.defineProperty(Object.assign(summary, state, { slots, classifications }), 'value', {
    value: (text) => {
      const typed = String(text);
      const called = (name) => slots.find((slot) => slot.name === name);
      const labelled = () => slots.find((slot) => slot.label === typed.trim());
      const spelled = () => called(typed.trim().toLowerCase().replace(/\s+/gu, '_'));
      return (called(typed) ?? labelled() ?? spelled())?.value;
    },
  });
}
