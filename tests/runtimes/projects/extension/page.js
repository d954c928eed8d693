import { showIn } from './common/tell.js';
import { story } from './common/unbundled-story.js';

showIn(globalThis, story);
