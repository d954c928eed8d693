/** The results as a table for a terminal. */
import { digits, longestTask, milliseconds } from './format.mjs';

const COLUMNS = ['case', 'ours', 'peer', 'floor', 'peer ÷ ours', 'ours ÷ floor', 'longest task', ''];

/** @returns {string} */
export function table(results) {
  const rows = [COLUMNS, ...results.map(row)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  // The name to the left, numbers to the right, the verdict as it comes.
  const aligned = (cell, column) => {
    if (column === 0) return cell.padEnd(widths[column]);
    return column === COLUMNS.length - 1 ? cell : cell.padStart(widths[column]);
  };
  return rows.map((cells) => cells.map(aligned).join('  ').trimEnd()).join('\n');
}

function row({ name, ours_ms, peer_ms, floor_ms, peer_ratio, floor_ratio, longest_task_ms, bounds, met, missed }) {
  return [
    name,
    milliseconds(ours_ms),
    milliseconds(peer_ms),
    milliseconds(floor_ms),
    bounded(peer_ratio, '≥', bounds.peer),
    bounded(floor_ratio, '≤', bounds.floor),
    longestTask(longest_task_ms),
    met ? 'met' : `MISSED: ${missed.join('; ')}`,
  ];
}

function bounded(ratio, sign, bound) {
  if (ratio === null) return '–';
  return bound === undefined ? `${digits(ratio)}` : `${digits(ratio)} (${sign} ${bound})`;
}
