// By its path: what loads a module by its name is a bundler, or an import map, which workers have none of.
import init, { SymmetricKey, VaultClient } from '../node_modules/vaultshare/index.js';
import { tell } from './tell.js';

export const story = (url, source) => tell({ init, SymmetricKey, VaultClient }, url, source);
