import * as vaultshare from 'vaultshare/inline';
import { roundTrip } from './round-trip.js';

roundTrip(vaultshare).then(
  (outcome) => {
    globalThis.outcomes = outcome;
  },
  (error) => console.error(error),
);
