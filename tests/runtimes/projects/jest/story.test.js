import { story } from './common/story.js';
import { told } from './common/tell.js';

test('the story', async () => {
  console.log(told(await story(process.env.VAULTSHARE_SERVER_URL)));
}, 60_000);
