import { signIn } from '../floor/account.mjs';
import { read } from '../floor/sharing.mjs';
import { report } from './report.mjs';

report(async ({ url, bob, shareId }) => read(await signIn(url, bob.secret, bob.passphrase), shareId));
