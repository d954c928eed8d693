import { story } from './common/story.js';
import { showIn } from './common/tell.js';

showIn(globalThis, story);
