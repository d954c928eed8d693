import * as vaultshare from './node_modules/vaultshare/index.js';
import { told } from './page.js';
import { roundTrip } from './round-trip.js';

roundTrip(vaultshare)
  .catch(told)
  .then((outcome) => postMessage(outcome));
