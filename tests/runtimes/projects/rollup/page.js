import { story } from './common/inline-story.js';
import { showIn } from './common/tell.js';

showIn(globalThis, story);
