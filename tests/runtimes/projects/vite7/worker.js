import { story } from './common/story.js';

self.onmessage = async ({ data }) => postMessage(await story(data));
