import { story } from '../../common/story.js';
import { told } from '../../common/tell.js';

export default defineEventHandler(async () => told(await story(process.env.VAULTSHARE_SERVER_URL)));
