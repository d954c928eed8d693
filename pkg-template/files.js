// Where the package's files are. In these forms bundlers see that the files have to come along.

export const files = {
  main: () => new URL('./vaultshare_bg.wasm', import.meta.url),
  onDemand: () => new URL('./on_demand_bg.wasm', import.meta.url),
  newWorker: () => new Worker(new URL('./on-demand-worker.js', import.meta.url), { type: 'module' }),
};
