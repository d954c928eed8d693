import * as vaultshare from 'vaultshare';
import { told } from './page.js';
import { roundTrip } from './round-trip.js';

roundTrip(vaultshare)
  .catch(told)
  .then((outcome) => postMessage(outcome));
