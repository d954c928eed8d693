import { story } from './common/inline-story.js';
import { told } from './common/tell.js';

console.log(told(await story(process.env.VAULTSHARE_SERVER_URL)));
