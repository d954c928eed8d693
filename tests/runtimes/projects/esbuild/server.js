import { story } from './common/inline-story.js';
import { told } from './common/tell.js';

story(process.env.VAULTSHARE_SERVER_URL).then((outcome) => console.log(told(outcome)));
