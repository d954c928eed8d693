import onDemandModule from 'vaultshare/on_demand_bg.wasm';
import module from 'vaultshare/vaultshare_bg.wasm';
import { story } from './common/story.js';
import { told } from './common/tell.js';

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    // It is asked once before, whether it is there.
    if (!searchParams.has('server')) return new Response('ready');
    const source = pathname === '/without-settings' ? undefined : { module, onDemandModule };
    return new Response(told(await story(searchParams.get('server'), source)));
  },
};
