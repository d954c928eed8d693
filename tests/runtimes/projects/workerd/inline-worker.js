import { story } from './common/inline-story.js';
import { told } from './common/tell.js';

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    // It is asked once before, whether it is there.
    if (!searchParams.has('server')) return new Response('ready');
    return new Response(told(await story(searchParams.get('server'))));
  },
};
