/**
 * An item with its slots, and `value(name)`: the slot's value, null for an empty one, undefined where there is no such slot.
 * The method is not enumerable, so that copying and JSON see the data alone.
 */
export function itemOf(summary, state, slots, classifications) {
  return Object.defineProperty(Object.assign(summary, state, { slots, classifications }), 'value', {
    value: (name) => slots.find((slot) => slot.name === name)?.value,
  });
}
