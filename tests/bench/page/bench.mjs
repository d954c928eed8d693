/**
 * Runs one case in this page: the clients take turns, and each turn's time is noted. Nobody pays for another: before the
 * clock starts, the garbage of the turn before is collected and the page has come to rest.
 */

import { makeFloor } from './floor.mjs';
import { installKeyPool, nobodyGenerates } from './key-pool.mjs';
import { makeOurs } from './ours.mjs';
import { makePeer } from './peer.mjs';
import { requests } from './requests.mjs';
import { makeStage } from './stage.mjs';
import { verify } from './verify.mjs';

const MAKERS = { ours: makeOurs, peer: makePeer, floor: makeFloor };

/** How long the page rests before a turn, in milliseconds. */
const REST = 20;

/** How long before ours runs alone to have its long tasks watched, and how long after: they are told of when they ended. */
const REST_AROUND_WATCHING = 300;

let world;

/** Has to be called once, before the first case. */
export function prepare(scene) {
  // Without `crypto.subtle` there is nobody to ask for key pairs, and none of the cases makes one.
  const keyPool = crypto.subtle ? installKeyPool(scene.keyPairs) : undefined;
  world = { scene, stage: makeStage(scene, keyPool), clients: new Map() };
}

/**
 * @param {{ name: string, clients: string[], asksForPair?: boolean, madeInTime?: boolean }} wanted the case and
 *   who takes part
 * @param {{ pairs: number, warmUp: boolean, seconds: number, watched: number }} length at least so many rounds, after one
 *   that warms up, and more while there is time for them; and how often ours runs alone to have its long tasks watched
 * @returns {Promise<{ samples: Record<string, number[]>, requests: Record<string, number>, longestTask?: number }>}
 *   milliseconds, and how many requests each client sends
 */
export async function measure(wanted, { pairs, warmUp, seconds, watched }) {
  const turns = new Map();
  try {
    for (const client of wanted.clients) turns.set(client, await turnOf(client, wanted));
    const samples = {};
    const sent = {};
    for (const [client, turn] of turns) {
      const first = await confirmed(client, turn, wanted);
      samples[client] = warmUp ? [] : [first.milliseconds];
      sent[client] = first.requests;
    }
    const end = performance.now() + seconds * 1000;
    for (let round = samples.ours.length; round < pairs || (performance.now() < end && round < 4 * pairs); round += 1) {
      for (const [client, turn] of turns) samples[client].push((await take(turn, wanted)).milliseconds);
    }
    const longest = crypto.subtle ? await longestTask(turns.get('ours'), wanted, watched) : undefined;
    return { samples, requests: sent, longestTask: longest };
  } finally {
    for (const turn of turns.values()) await turn.close?.();
  }
}

/** What an item of twenty slots weighs, as the server sends it, and as other clients write it. */
export const itemBytes = () => world.stage.itemBytes();

/** Has ours run alone under the browser's profiler, so often. */
export async function watch(wanted, { watched }) {
  const turn = await turnOf('ours', wanted);
  try {
    const run = async () => {
      await globalThis.startProfile();
      const result = await turn.run();
      await globalThis.stopProfile();
      return result;
    };
    for (let times = 0; times < watched; times += 1) await take({ ...turn, run }, wanted);
  } finally {
    await turn.close?.();
  }
}

async function turnOf(client, { name }) {
  if (!world.clients.has(client)) world.clients.set(client, await MAKERS[client](world));
  return world.clients.get(client)[name]();
}

/** The first turn has its outcome looked at. It is colder than all later ones, so it should not count where times do. */
async function confirmed(client, turn, wanted) {
  const { keyPool } = world.stage;
  const asked = keyPool?.asked;
  return take(turn, wanted, async (result) => {
    try {
      if (wanted.asksForPair && keyPool.asked === asked) throw new Error('the key pair came from elsewhere');
      await verify({ name: wanted.name, client }, await turn.outcome(result), world);
    } catch (error) {
      throw new Error(`${wanted.name} by ${client}: ${error.message}`);
    }
  });
}

async function take(turn, { madeInTime }, look) {
  await turn.before?.();
  if (madeInTime) await nobodyGenerates(world.stage.keyPool);
  await rest(REST);
  globalThis.gc?.();
  if (madeInTime) world.stage.keyPool.open = false;
  const before = requests.sent;
  const started = performance.now();
  const result = await turn.run();
  const taken = { milliseconds: performance.now() - started, requests: requests.sent - before };
  if (madeInTime) world.stage.keyPool.open = true;
  await look?.(result);
  await turn.after?.(result);
  return taken;
}

/** The longest that ours kept the page from doing anything else; 0 where no task was long enough (50 ms) to be told. */
async function longestTask(turn, { madeInTime }, runs) {
  let longest = 0;
  for (let run = 0; run < runs; run += 1) {
    await turn.before?.();
    await rest(REST_AROUND_WATCHING);
    const seen = [];
    const observer = new PerformanceObserver((list) => {
      seen.push(...list.getEntries());
    });
    observer.observe({ type: 'longtask' });
    if (madeInTime) world.stage.keyPool.open = false;
    const started = performance.now();
    const result = await turn.run();
    const ended = performance.now();
    if (madeInTime) world.stage.keyPool.open = true;
    await rest(REST_AROUND_WATCHING);
    seen.push(...observer.takeRecords());
    observer.disconnect();
    // The task in which the run begins has begun a little before it.
    const during = seen.filter(({ startTime, duration }) => startTime + duration >= started && startTime <= ended);
    longest = Math.max(longest, ...during.map(({ duration }) => duration));
    await turn.after?.(result);
  }
  return longest;
}

const rest = (milliseconds) =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
