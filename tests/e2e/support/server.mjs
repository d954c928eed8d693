/** Starts the vaultshare server for one test and stops it again: the process that was started here and no other. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const binary =
  process.env.VAULTSHARE_SERVER || fileURLToPath(new URL('../../../target/release/vaultshare-server', import.meta.url));

/**
 * @param {{ data: string, www?: string, listen?: string, more?: string[] }} options folders for records and page; port 0
 *   picks a free one; and more arguments
 * @returns {Promise<{ url: string, stop: () => Promise<void>, kill: () => Promise<void>, log: () => string }>} `kill` gives
 *   it no time to finish anything
 */
export async function startServer({ data, www, listen = '127.0.0.1:0', more = [] }) {
  const page = www ? ['--www', www] : [];
  const child = spawn(binary, ['--listen', listen, '--data', data, ...page, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  const lines = [];
  const ready = new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        const url = /listening on (https?:\/\/\S+)/.exec(line)?.[1];
        if (url) resolve(url.replace(/\/$/, ''));
      });
    }
    child.once('error', (error) => reject(new Error(`the server could not be started: ${error.message}`)));
    ended.then((status) =>
      reject(new Error(`the server ended with ${status} before it was ready:\n${lines.join('\n')}`)),
    );
  });
  const url = await ready;
  const end = async (signal) => {
    child.kill(signal);
    await ended;
  };
  return { url, stop: () => end('SIGTERM'), kill: () => end('SIGKILL'), log: () => lines.join('\n') };
}
