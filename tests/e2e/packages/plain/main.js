import * as vaultshare from './node_modules/vaultshare/index.js';
import { showOutcomes } from './page.js';

showOutcomes(vaultshare, new Worker('./worker.js', { type: 'module' }));
