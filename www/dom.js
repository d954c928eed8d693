/**
 * Making elements, in one small function instead of a framework. Text always goes in as text, never as markup,
 * so nothing that a server or another user sends can become part of the page's code.
 */

/** Attributes set to `undefined`, `null` or `false` are left out; a function under `on` becomes a listener. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (value !== undefined && value !== null && value !== false) {
      made.setAttribute(name, value === true ? '' : value);
    }
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

let lastId = 0;

/** A label, its control and an optional hint, tied together for those who do not see them next to each other. */
export function field(label, control, hint) {
  control.id ||= `control-${++lastId}`;
  const parts = [element('label', { for: control.id }, label), control];
  if (hint) {
    const hintId = `${control.id}-hint`;
    control.setAttribute('aria-describedby', hintId);
    parts.push(element('p', { class: 'hint', id: hintId }, hint));
  }
  return element('div', { class: 'field' }, parts);
}

/** A titled part of a pane: a heading, a sentence on what it is for, and the rest. */
export function section(title, explanation, attributes, ...children) {
  const headingId = `heading-${++lastId}`;
  return element(
    'section',
    { class: 'section', 'aria-labelledby': headingId, ...attributes },
    element('h3', { id: headingId }, title),
    explanation && element('p', { class: 'explanation' }, explanation),
    children,
  );
}

/**
 * A form that is out of the way until someone wants it: a pane shows what there is first and what can be done second.
 */
export function foldable(summary, testId, ...children) {
  return element('details', { class: 'part' }, element('summary', { 'data-testid': testId }, summary), children);
}

/** Folds a form that has done its work, leaving the keyboard focus on its summary rather than nowhere. */
export function fold(details) {
  const hadFocus = details.contains(document.activeElement);
  details.open = false;
  if (hadFocus) details.querySelector('summary').focus({ preventScroll: true });
}

/** A button that copies `text()`; absent where the browser offers no clipboard (a page on plain http). */
export function copyButton(text, attributes = {}) {
  if (!navigator.clipboard) return null;
  const button = element('button', { type: 'button', class: 'quiet', ...attributes }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Select and copy by hand';
    }
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 2000);
  });
  return button;
}
