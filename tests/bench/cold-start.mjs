/**
 * From the navigation to the first value: the page loads a client, starts it, signs in and reads one share. Each turn is a
 * context of its own, without a cache, and each client one script that esbuild has bundled.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { bundleCold } from './bundle.mjs';

/** How long a turn may take, in milliseconds. */
const PATIENCE = 120_000;

/**
 * A phone on 4G, as Chromium's developer tools have it ("Fast 4G"): bytes per second, and milliseconds to a reply. Its processor is a
 * quarter as fast as this machine's.
 */
const PHONE = {
  network: { offline: false, latency: 165, downloadThroughput: 1_012_500, uploadThroughput: 168_750 },
  processor: 4,
};

/**
 * Puts the clients' pages into the folder that the server hands out.
 *
 * @param {string} www with the package in `pkg/`
 */
export async function makeColdPages(www) {
  const scripts = await bundleCold(www);
  for (const file of [...scripts, 'pkg/vaultshare_bg.wasm']) {
    const bytes = await readFile(join(www, file));
    // As a server has them that serves the same files many times.
    await writeFile(join(www, `${file}.br`), brotliCompressSync(bytes));
    await writeFile(join(www, `${file}.gz`), gzipSync(bytes, { level: 9 }));
  }
}

/**
 * @param {{ openFresh: () => Promise<import('playwright-core').Page> }} browser
 * @param {import('./cases.mjs').Case} wanted
 * @param {object} scene
 * @param {{ pairs: number, warmUp: boolean, slowed: boolean }} length and whether a phone is as slow as one
 * @returns the times of each client, and how many files and replies it fetched
 */
export async function measureCold(browser, wanted, scene, { pairs, warmUp, slowed }) {
  const samples = Object.fromEntries(wanted.clients.map((client) => [client, []]));
  const requests = {};
  for (let round = warmUp ? -1 : 0; round < pairs; round += 1) {
    for (const client of wanted.clients) {
      const told = await turn(browser, client, scene, slowed && wanted.onPhone);
      assert.equal(told.error, undefined, `${wanted.name} by ${client}: ${told.error}`);
      assert.deepEqual(told.values, scene.ten.values, `${wanted.name} by ${client}`);
      requests[client] = told.requests;
      if (round >= 0) samples[client].push(told.milliseconds);
    }
  }
  return { samples, requests };
}

async function turn(browser, client, { url, bob, ten }, onPhone) {
  const page = await browser.openFresh();
  try {
    if (onPhone) {
      const developer = await page.context().newCDPSession(page);
      await developer.send('Network.enable');
      await developer.send('Network.emulateNetworkConditions', PHONE.network);
      await developer.send('Emulation.setCPUThrottlingRate', { rate: PHONE.processor });
    }
    await page.addInitScript(
      (scene) => {
        globalThis.scene = scene;
      },
      { url, bob, shareId: ten.shareId },
    );
    await page.goto(`${url}/bench/cold/${client}.html`, { timeout: PATIENCE });
    const told = await page.waitForFunction(() => globalThis.coldStart, undefined, { timeout: PATIENCE });
    return await told.jsonValue();
  } finally {
    await page.context().close();
  }
}
