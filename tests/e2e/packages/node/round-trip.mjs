import * as vaultshare from 'vaultshare';
import { roundTrip } from './round-trip.js';

console.log(JSON.stringify(await roundTrip(vaultshare)));
