import { story } from '../../../common/story.js';
import { told } from '../../../common/tell.js';

export const load = async () => ({ outcome: told(await story(process.env.VAULTSHARE_SERVER_URL)) });
