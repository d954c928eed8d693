import { story } from './common/unbundled-story.js';

globalThis.story = story;
