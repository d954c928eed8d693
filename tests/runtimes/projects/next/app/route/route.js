import { story } from '../../common/story.js';
import { told } from '../../common/tell.js';

export const dynamic = 'force-dynamic';

export async function GET() {
  return new Response(told(await story(process.env.VAULTSHARE_SERVER_URL)));
}
