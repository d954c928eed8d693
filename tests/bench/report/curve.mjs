/** Memory over time, as lines: of the page and of the server, while a file goes up, and while it comes down. */

const WIDTH = 960;
const HEIGHT = 260;
const EDGE = { left: 70, right: 20, top: 34, bottom: 30, between: 50 };
const MEBIBYTE = 1024 * 1024;
const TITLES = { attach: 'attaching', read: 'reading' };

/**
 * @param {Record<string, { at: number, page: number, server: number }[]>} curves
 * @param {{ page: number, server: number }} idle
 * @param {number} bound of the page, in bytes above idle
 * @returns {string} an SVG document
 */
export function curve(curves, idle, bound) {
  const all = Object.values(curves).flat();
  const above = (sample, whose) => (sample[whose] - idle[whose]) / MEBIBYTE;
  const highest = Math.max(bound / MEBIBYTE, ...all.flatMap((one) => [above(one, 'page'), above(one, 'server')])) * 1.1;
  const panel = (WIDTH - EDGE.left - EDGE.right - EDGE.between) / 2;
  const y = (mebibytes) =>
    HEIGHT - EDGE.bottom - (Math.max(mebibytes, 0) / highest) * (HEIGHT - EDGE.top - EDGE.bottom);
  const panels = Object.entries(curves).map(([what, samples], index) => {
    const left = EDGE.left + index * (panel + EDGE.between);
    const end = samples.at(-1).at;
    const line = (whose, colour) => {
      const points = samples.map(
        (one) => `${(left + (one.at / end) * panel).toFixed(1)},${y(above(one, whose)).toFixed(1)}`,
      );
      return `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${points.join(' ')}"/>`;
    };
    const limit = y(bound / MEBIBYTE);
    return `<text x="${left}" y="18" font-weight="600">${TITLES[what]}, ${(end / 1000).toFixed(0)} s</text>
  <line x1="${left}" x2="${left + panel}" y1="${y(0)}" y2="${y(0)}" stroke="#888"/>
  <line x1="${left}" x2="${left + panel}" y1="${limit}" y2="${limit}" stroke="#c33" stroke-dasharray="4 4"/>
  <text x="${left - 6}" y="${limit + 4}" text-anchor="end">${bound / MEBIBYTE} MiB</text>
  <text x="${left - 6}" y="${y(0) + 4}" text-anchor="end">idle</text>
  ${line('page', '#1b66c9')}
  ${line('server', '#3a8f3a')}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
  <rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
  ${panels.join('\n  ')}
  <text x="${EDGE.left}" y="${HEIGHT - 8}"><tspan fill="#1b66c9">page</tspan> <tspan fill="#3a8f3a">server</tspan></text>
</svg>
`;
}
