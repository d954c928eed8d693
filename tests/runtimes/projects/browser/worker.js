import { story } from './common/unbundled-story.js';

self.onmessage = async ({ data }) => postMessage(await story(data));
