import { story } from '../../../common/story.js';
import { told } from '../../../common/tell.js';

export const GET = async () => new Response(told(await story(process.env.VAULTSHARE_SERVER_URL)));
