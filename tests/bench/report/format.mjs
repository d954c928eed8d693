/** Numbers and texts as a reader wants them, for every form of the report. */

/** Three digits that count. */
export function digits(number) {
  if (number >= 100) return Math.round(number).toLocaleString('en-US');
  return number.toFixed(number >= 10 ? 1 : 2);
}

export const milliseconds = (time) => (time === null ? '–' : `${digits(time)} ms`);

/** In seconds where there is one. */
export const duration = (time) => (time >= 1000 ? `${digits(time / 1000)} s` : `${digits(time)} ms`);

/** A browser tells of tasks from 50 ms on. */
export const longestTask = (time) => {
  if (time === null) return '–';
  return time === 0 ? '< 50 ms' : milliseconds(time);
};

export const times = (ratio) => (ratio === null ? '–' : `${digits(ratio)} ×`);

export const kilobytes = (bytes) => `${Math.round(bytes / 1000).toLocaleString('en-US')} kB`;

/** For HTML and SVG. */
export function escaped(text) {
  return String(text).replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);
}
