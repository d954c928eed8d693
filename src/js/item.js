// What a plain object cannot say of an item: its method. Not enumerable, so that copying and JSON see the data alone.

/** Gives an item `value(name)`: the slot's value, null for an empty one, undefined where there is no such slot. */
export function withValue(item) {
  return Object.defineProperty(item, 'value', {
    value(name) {
      return item.slots.find((slot) => slot.name === name)?.value;
    },
  });
}
