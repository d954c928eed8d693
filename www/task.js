/**
 * Runs one thing a person asked for, and shows that it runs, how far it is, and how it ended: the button waits, the
 * progress bar fills, the status line and the form say what went wrong.
 */
import { announce } from './announce.js';
import { element } from './dom.js';
import { explain } from './errors.js';

/** The part of a form in which progress and errors appear. */
export function outcome(testId) {
  const bar = element('progress', { class: 'progress', hidden: true });
  const phase = element('span', { class: 'phase' });
  const error = element('p', { class: 'error', role: 'alert', hidden: true, 'data-testid': `${testId}-error` });
  return {
    view: element('div', { class: 'outcome' }, element('div', { class: 'running' }, bar, phase), error),
    bar,
    phase,
    error,
  };
}

/**
 * @param {{ button: HTMLButtonElement, shown: ReturnType<typeof outcome>, working: string, done: (result) => string }} how
 * @param {(options: { onProgress }) => Promise} work
 * @returns the result of `work`, or undefined after an error, which was then shown
 */
export async function perform({ button, shown, working, done }, work) {
  if (button.getAttribute('aria-disabled') === 'true') return undefined;
  // aria-disabled instead of disabled: the button keeps the keyboard focus while it waits.
  button.setAttribute('aria-disabled', 'true');
  shown.error.hidden = true;
  shown.bar.hidden = false;
  shown.bar.removeAttribute('value');
  shown.phase.textContent = working;
  announce(working, 'working');
  try {
    const result = await work({ onProgress: (progress) => showProgress(shown, progress) });
    announce(done(result), 'done');
    return result;
  } catch (error) {
    showError(shown.error, error);
    return undefined;
  } finally {
    button.removeAttribute('aria-disabled');
    shown.bar.hidden = true;
    shown.phase.textContent = '';
  }
}

function showProgress({ bar, phase }, { phase: name, done, total }) {
  phase.textContent = `${String(name).replaceAll(/[_-]/g, ' ')} (${done} of ${total})`;
  bar.max = Math.max(total, 1);
  bar.value = done;
}

export function showError(place, error) {
  const { sentence, code } = explain(error);
  place.replaceChildren(sentence, ' ', element('code', {}, code));
  place.hidden = false;
  announce(`${sentence} (${code})`, 'failed');
}
