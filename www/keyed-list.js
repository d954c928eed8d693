/**
 * Shows a list that changes while someone is using it. Entries that did not change keep their elements, so the
 * keyboard focus, an open detail and a half-typed text survive news from the server.
 */

/**
 * @param {HTMLElement} container its children are the list
 * @param {Array} entries what to show, in order
 * @param {(entry) => string} keyOf stays the same for the same entry
 * @param {(entry) => string} versionOf changes when the entry has to be drawn anew
 * @param {(entry) => HTMLElement} draw
 */
export function showList(container, entries, keyOf, versionOf, draw) {
  const existing = new Map(Array.from(container.children, (child) => [child.dataset.key, child]));
  const next = entries.map((entry) => {
    const key = keyOf(entry);
    const version = versionOf(entry);
    const old = existing.get(key);
    if (old?.dataset.version === version) return old;
    const drawn = draw(entry);
    drawn.dataset.key = key;
    drawn.dataset.version = version;
    if (old?.contains(document.activeElement)) {
      const { testid } = document.activeElement.dataset;
      queueMicrotask(() => focusIn(drawn, testid));
    }
    return drawn;
  });
  if (next.length === container.children.length && next.every((child, at) => child === container.children[at])) return;
  const focused = container.contains(document.activeElement) ? document.activeElement : null;
  container.replaceChildren(...next);
  // Moving an element in the document takes the focus away from it: give it back.
  if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
}

/** The old element had the focus and is gone: go on in its successor rather than at the top of the page. */
function focusIn(drawn, testid) {
  if (!drawn.isConnected) return;
  const same = testid && drawn.querySelector(`[data-testid="${CSS.escape(testid)}"]`);
  if (!same) drawn.tabIndex = -1;
  (same || drawn).focus({ preventScroll: true });
}
