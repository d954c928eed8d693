// Where the package's files are. In these forms bundlers see that the files have to come along. The first two are async because
// what copies a server's files (`@vercel/nft`, which Nitro and Next.js have) does not look into functions that only give a value.

export const files = {
  main: async () => new URL('./vaultshare_bg.wasm', import.meta.url),
  onDemand: async () => new URL('./on_demand_bg.wasm', import.meta.url),
  newWorker: () => new Worker(new URL('./on-demand-worker.js', import.meta.url), { type: 'module' }),
};
