import * as vaultshare from 'vaultshare/inline';
import { roundTrip } from './round-trip.js';

roundTrip(vaultshare).then((outcome) => console.log(JSON.stringify(outcome)));
