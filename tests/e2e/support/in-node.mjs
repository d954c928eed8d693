/** The built package in this very process, and a server with an empty store, for one test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { startServer } from './server.mjs';

/** The built npm package. */
export const packageFolder = process.env.VAULTSHARE_PACKAGE || fileURLToPath(new URL('../../../pkg', import.meta.url));

export const vaultshare = await import(pathToFileURL(join(packageFolder, 'node.js')));

export const passphrase = 'supersecretpassword';

/**
 * @returns {Promise<object>} `services`: the two URLs; `makeClient(options)`; `requests`: what the clients sent, as `METHOD
 *   URL`; `fetch`: what they send by, to be replaced for a while; `close()`
 */
export async function openInNode() {
  await vaultshare.default();
  const data = await mkdtemp(join(tmpdir(), 'vaultshare-in-node-'));
  const server = await startServer({ data, www: data });
  const services = { vaultUrl: `${server.url}/vault`, keystoreUrl: `${server.url}/keystore` };
  const world = {
    url: server.url,
    services,
    requests: [],
    fetch: (...given) => fetch(...given),
    makeClient: (options) =>
      new vaultshare.VaultClient({
        ...services,
        prepareKeyPairs: false,
        retries: 0,
        fetch: (request) => {
          world.requests.push(`${request.method} ${request.url}`);
          return world.fetch(request);
        },
        ...options,
      }),
    async close() {
      await server.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
  return world;
}

/** What a call came to: the value that it gave, or the error; and whether the error was thrown instead of rejected with. */
export async function outcomeOf(call) {
  let pending;
  try {
    pending = call();
  } catch (error) {
    return { error, thrown: true };
  }
  try {
    return { value: await pending };
  } catch (error) {
    return { error };
  }
}
