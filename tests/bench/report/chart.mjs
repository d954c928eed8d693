/**
 * The times as bars, on a scale where each step is ten times the one before: the work of a millisecond and that of ten
 * seconds are both seen. A bar ends at the median; the fine line at its end spans the middle half of all rounds. The mark
 * across ours is where it would have to end at the latest.
 */
import { LONGEST_TASK } from '../cases.mjs';
import { digits, duration, escaped, times } from './format.mjs';

const WIDTH = 1040;
const BARS = { left: 300, right: 760 };
const TOP = 44;
const ROW = 80;
const BAR = { height: 13, gap: 3 };

/** From above to below in each row. */
const CLIENTS = [
  ['floor', 'floor'],
  ['ours', 'ours'],
  ['peer', 'peer'],
];

/** @returns {string} an SVG element */
export function chart(cases) {
  const scale = scaleFor(cases);
  const height = TOP + cases.length * ROW;
  const rows = cases.map((one, index) => row(one, TOP + index * ROW, scale));
  return `<svg class="chart" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="The times of each case as bars">
    ${scale.decades.map((time) => gridLine(time, scale, height)).join('\n')}
    ${rows.join('\n')}
  </svg>`;
}

/** Whole powers of ten around all that is drawn. */
function scaleFor(cases) {
  const all = cases.flatMap(({ spread, ours_ms, floor_ms, peer_ms }) => [
    ours_ms,
    floor_ms,
    peer_ms,
    ...Object.values(spread).flat(),
  ]);
  const shown = all.filter((time) => time > 0);
  const first = Math.floor(Math.log10(Math.min(...shown)));
  const last = Math.ceil(Math.log10(Math.max(...shown)));
  const decades = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
  const x = (time) => {
    const part = (Math.log10(time) - first) / (last - first);
    return BARS.left + Math.min(Math.max(part, 0), 1) * (BARS.right - BARS.left);
  };
  return { decades, x: (time) => Math.round(x(time) * 10) / 10 };
}

function gridLine(time, { x }, height) {
  return `<line class="grid" x1="${x(time)}" x2="${x(time)}" y1="${TOP - 14}" y2="${height - 12}"/>
    <text class="decade" x="${x(time)}" y="${TOP - 22}">${decade(time)}</text>`;
}

const decade = (time) => (time >= 1000 ? `${time / 1000} s` : `${Number(time.toPrecision(1))} ms`);

function row(one, top, scale) {
  const clients = CLIENTS.filter(([client]) => one[`${client}_ms`] !== null);
  const height = clients.length * (BAR.height + BAR.gap);
  const barsTop = top + (ROW - 16 - height) / 2;
  const bars = clients.map(([client, name], index) =>
    bar(client, name, one, barsTop + index * (BAR.height + BAR.gap), scale),
  );
  return `<g>
    <line class="rule" x1="0" x2="${WIDTH}" y1="${top + ROW - 7}" y2="${top + ROW - 7}"/>
    <text class="title" x="0" y="${top + 25}">${escaped(one.title)}</text>
    <text class="name" x="0" y="${top + 44}">${escaped(one.name)}</text>
    ${bars.join('\n')}
    ${verdict(one, top)}
  </g>`;
}

function bar(client, name, one, top, { x }) {
  const time = one[`${client}_ms`];
  const [low, high] = one.spread[client].map(x);
  const middle = top + BAR.height / 2;
  const width = Math.max(x(time) - BARS.left, 2);
  const latest = client === 'ours' ? x(latestEnd(one)) : undefined;
  const mark = latest === undefined ? '' : limit(latest, one.met, top);
  // The text begins behind whatever is drawn, also behind a mark that it would otherwise run into.
  const drawn = Math.max(x(time), high);
  const end = (latest > drawn - 4 && latest < drawn + 90 ? Math.max(latest, drawn) : drawn) + 8;
  return `<g><title>${escaped(`${name}: ${duration(time)}, the middle half ${one.spread[client].map(duration).join(' to ')}`)}</title>
    <rect class="bar ${client}" x="${BARS.left}" y="${top}" width="${width}" height="${BAR.height}" rx="3"/>
    <line class="spread" x1="${low}" x2="${high}" y1="${middle}" y2="${middle}"/>${mark}
    <text class="value ${client}" x="${end}" y="${middle + 4}">${name} ${duration(time)}</text></g>`;
}

/** Where ours has to end at the latest, by the strictest of its bounds. */
function latestEnd({ bounds, floor_ms, peer_ms }) {
  return Math.min(
    bounds.peer === undefined ? Infinity : peer_ms / bounds.peer,
    bounds.floor === undefined ? Infinity : floor_ms * bounds.floor,
    bounds.milliseconds ?? Infinity,
  );
}

function limit(place, met, top) {
  return `<line class="limit ${met ? 'met' : 'missed'}" x1="${place}" x2="${place}" y1="${top - 3}" y2="${top + BAR.height + 3}"/>`;
}

/** In large whether all is well, and below it each bound, the missed ones in the colour of that. */
function verdict(one, top) {
  const { peer_ratio, bounds, met, ours_ms } = one;
  const big = bounds.milliseconds === undefined ? times(peer_ratio) : duration(ours_ms);
  const lines = demands(one).map(
    ({ text, missed }, index) =>
      `<text class="explained ${missed ? 'missed' : ''}" x="${WIDTH}" y="${top + 38 + index * 14}">${text}</text>`,
  );
  return `<text class="ratio ${met ? 'met' : 'missed'}" x="${WIDTH}" y="${top + 21}">${met ? '✓' : '✗'} ${big}</text>
    ${lines.join('\n')}`;
}

function demands({ peer_ratio, floor_ratio, ours_ms, longest_task_ms, bounds }) {
  const lines = [];
  if (bounds.milliseconds !== undefined)
    lines.push({ text: `wanted ≤ ${bounds.milliseconds} ms`, missed: ours_ms > bounds.milliseconds });
  if (bounds.peer !== undefined)
    lines.push({ text: `peer ÷ ours, wanted ≥ ${bounds.peer}`, missed: peer_ratio < bounds.peer });
  if (bounds.floor !== undefined)
    lines.push({
      text: `ours ÷ floor ${digits(floor_ratio)}, wanted ≤ ${bounds.floor}`,
      missed: floor_ratio > bounds.floor,
    });
  if (longest_task_ms > LONGEST_TASK)
    lines.push({ text: `longest task ${duration(longest_task_ms)}, wanted ≤ ${LONGEST_TASK}`, missed: true });
  return lines;
}
