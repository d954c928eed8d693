using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "inline", worker = .inline),
    # The test's server is on this very machine.
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [
    (name = "main", http = (), service = "main"),
    (name = "inline", http = (), service = "inline"),
  ],
);

const main :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "dist/worker.js"),
    (name = "vaultshare_bg.wasm", wasm = embed "dist/vaultshare_bg.wasm"),
    (name = "on_demand_bg.wasm", wasm = embed "dist/on_demand_bg.wasm"),
  ],
  compatibilityDate = "2026-11-01",
);

const inline :Workerd.Worker = (
  modules = [(name = "inline-worker.js", esModule = embed "dist/inline-worker.js")],
  compatibilityDate = "2026-11-01",
);
