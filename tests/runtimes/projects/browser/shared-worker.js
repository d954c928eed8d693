import { story } from './common/unbundled-story.js';

self.onconnect = ({ ports: [port] }) => {
  port.onmessage = async ({ data }) => port.postMessage(await story(data));
};
