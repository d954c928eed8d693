/**
 * Ties a value on a user's side to its ciphertext in the server pane: whoever points at one, or reaches it with the
 * keyboard, sees both lit. The tie is the slot's id, which both sides carry in `data-slot`.
 */

let lit = null;

/** Makes `control` light up everything that belongs to the slot. */
export function lightsUp(control, slotId) {
  control.addEventListener('pointerenter', () => light(slotId));
  control.addEventListener('pointerleave', () => light(focusedSlot()));
  control.addEventListener('focusin', () => light(slotId));
  control.addEventListener('focusout', () => light(null));
}

/** The keyboard's place stays lit when a pointer merely crosses something else. */
function focusedSlot() {
  return document.activeElement?.closest('[data-slot]')?.dataset.slot ?? null;
}

/** Scrolls to the ciphertext, also where the panes are stacked, and lights it. */
export function bringIntoView(slotId) {
  light(slotId);
  recordOf(slotId)?.scrollIntoView({ block: 'center', behavior: calm() ? 'auto' : 'smooth' });
}

/** To be called when records or values were drawn anew: what was lit may be another element now, or gone. */
export function relight() {
  if (lit === null) return;
  const pointedAt = Array.from(document.querySelectorAll(`[data-slot="${CSS.escape(lit)}"]`)).some((element) =>
    element.matches(':hover, :focus-within'),
  );
  if (pointedAt) mark();
  else light(null);
}

function light(slotId) {
  if (lit === slotId) return;
  lit = slotId;
  mark();
  if (slotId !== null) scrollWithin(recordOf(slotId));
}

function mark() {
  document.body.toggleAttribute('data-lit', lit !== null);
  for (const element of document.querySelectorAll('[data-slot]')) {
    element.classList.toggle('lit', element.dataset.slot === lit);
  }
}

/** Scrolls only the server pane's own list: the page must not jump because a pointer crossed it. */
function scrollWithin(record) {
  const list = record?.closest('.records');
  if (!list || list.scrollHeight <= list.clientHeight) return;
  const offset = record.getBoundingClientRect().top - list.getBoundingClientRect().top;
  list.scrollTo({ top: list.scrollTop + offset - list.clientHeight / 3, behavior: calm() ? 'auto' : 'smooth' });
}

function recordOf(slotId) {
  return document.querySelector(`.record[data-slot="${CSS.escape(slotId)}"]`);
}

function calm() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}
