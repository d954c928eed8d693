/** From times to what is told of a case: medians, how they compare, and whether the bounds are met. */
import { LONGEST_TASK } from './cases.mjs';
import { median, spread } from './statistics.mjs';

/**
 * @param {import('./cases.mjs').Case} wanted
 * @param {{ samples: Record<string, number[]>, requests: Record<string, number>, longestTask?: number }} measured
 */
export function resultOf({ name, title, bounds }, { samples, requests, longestTask }) {
  const clients = Object.keys(samples);
  const of = (client) => (samples[client] ? rounded(median(samples[client])) : null);
  const [ours_ms, peer_ms, floor_ms] = [of('ours'), of('peer'), of('floor')];
  const peer_ratio = peer_ms === null ? null : rounded(peer_ms / ours_ms);
  const floor_ratio = floor_ms === null ? null : rounded(ours_ms / floor_ms);
  // No client in a browser could be more times as fast as the peer than this.
  const highest_peer_ratio = floor_ms === null || peer_ms === null ? null : rounded(peer_ms / floor_ms);
  const result = {
    name,
    title,
    ours_ms,
    peer_ms,
    floor_ms,
    peer_ratio,
    floor_ratio,
    highest_peer_ratio,
    requests,
    rounds: samples.ours.length,
    spread: Object.fromEntries(clients.map((client) => [client, spread(samples[client]).map(rounded)])),
    longest_task_ms: longestTask === undefined ? null : rounded(longestTask),
    bounds,
  };
  return { ...result, missed: missed(result), met: missed(result).length === 0 };
}

/** Which bounds are missed, in words. */
function missed({ ours_ms, peer_ratio, floor_ratio, highest_peer_ratio, longest_task_ms, bounds }) {
  const words = [];
  if (bounds.peer !== undefined && peer_ratio < bounds.peer) {
    const why =
      highest_peer_ratio !== null && highest_peer_ratio < bounds.peer
        ? `, but peer ÷ floor is ${highest_peer_ratio}`
        : '';
    words.push(`peer ÷ ours ${peer_ratio}, wanted ≥ ${bounds.peer}${why}`);
  }
  if (bounds.floor !== undefined && floor_ratio > bounds.floor)
    words.push(`ours ÷ floor ${floor_ratio}, wanted ≤ ${bounds.floor}`);
  if (bounds.milliseconds !== undefined && ours_ms > bounds.milliseconds)
    words.push(`${ours_ms} ms, wanted ≤ ${bounds.milliseconds}`);
  if (longest_task_ms !== null && longest_task_ms > LONGEST_TASK)
    words.push(`longest task ${longest_task_ms} ms, wanted ≤ ${LONGEST_TASK}`);
  return words;
}

/** To four digits: no clock here knows more. */
const rounded = (number) => Number(number.toPrecision(4));
