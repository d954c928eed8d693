import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { story } from './common/story.js';
import { told } from './common/tell.js';

if (isMainThread) {
  new Worker(new URL(import.meta.url)).on('message', (outcome) => console.log(told(outcome)));
} else {
  parentPort.postMessage(await story(process.env.VAULTSHARE_SERVER_URL));
}
