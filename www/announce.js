/** One sentence at a time for everyone, seen and read aloud: what is happening, what happened, what went wrong. */

const status = document.getElementById('status');

/** @param {'working' | 'done' | 'failed'} mood sets the colour; the words carry the meaning */
export function announce(sentence, mood = 'done') {
  status.dataset.mood = mood;
  // Writing the same words again would not be read aloud again; a screen reader hears only changes.
  if (status.textContent !== sentence) status.textContent = sentence;
}
