import * as vaultshare from 'vaultshare';
import { showOutcomes } from './page.js';

showOutcomes(vaultshare, new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }));
