import init, { SymmetricKey, VaultClient } from 'vaultshare/inline';
import { tell } from './tell.js';

export const story = (url, source) => tell({ init, SymmetricKey, VaultClient }, url, source);
