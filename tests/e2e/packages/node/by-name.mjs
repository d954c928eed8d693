// Both modules by name, the second from its bytes; and a name that there is none of.
import { readFile } from 'node:fs/promises';
import init, { qrCode } from 'vaultshare';

const place = (name) => new URL(import.meta.resolve(`vaultshare/${name}`));
const misspelt = await init({ moduel: place('vaultshare_bg.wasm') }).catch(({ code }) => code);
await init({ module: place('vaultshare_bg.wasm'), onDemandModule: await readFile(place('on_demand_bg.wasm')) });
console.log(JSON.stringify({ misspelt, drawn: (await qrCode('a text')).includes('<svg') }));
