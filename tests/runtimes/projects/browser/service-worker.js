import { story } from './common/unbundled-story.js';

self.onmessage = ({ data: port }) => {
  port.onmessage = async ({ data }) => port.postMessage(await story(data));
};
