import { story } from '../../common/story.js';
import { told } from '../../common/tell.js';

export const dynamic = 'force-dynamic';

export default async function Page() {
  return <p>{told(await story(process.env.VAULTSHARE_SERVER_URL))}</p>;
}
