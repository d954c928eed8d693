/** Where JavaScript runs outside of browsers. */
import { newerNode } from '../support/world.mjs';
import { advice } from './bundlers.mjs';

const nodeRows = (program) => [
  { runs: 'as a module', outcome: (world) => world.outcomeOf(program, ['module.mjs']) },
  { runs: 'by `require`', outcome: (world) => world.outcomeOf(program, ['require.cjs']) },
  { runs: 'in a worker thread', outcome: (world) => world.outcomeOf(program, ['threads.mjs']) },
];

export const servers = [
  {
    name: 'Node.js',
    version: async (world) => world.run(process.execPath, ['--version']),
    project: 'node',
    readme: 'Node.js',
    rows: nodeRows(process.execPath),
  },
  {
    name: 'Node.js, newer',
    version: async (world) => world.run(newerNode, ['--version']),
    project: 'node',
    readme: 'Node.js',
    rows: nodeRows(newerNode),
  },
  {
    name: 'Deno',
    tool: 'deno',
    project: 'node',
    readme: 'Deno',
    settings: [['--allow-read', undefined]],
    rows: [
      {
        runs: 'as a module',
        outcome: (world) =>
          world.outcomeOf('deno', ['run', '--no-prompt', '--allow-read', '--allow-net', '--allow-env', 'module.mjs']),
      },
      {
        fails: 'without `--allow-read`',
        error: `VaultError NETWORK: the WebAssembly module could not be loaded from file://…/node_modules/vaultshare/vaultshare_bg.wasm: Requires read access to "…/node_modules/vaultshare/vaultshare_bg.wasm", run again with the --allow-read flag${advice}`,
        set: '`--allow-read`',
        outcome: (world) => world.outcomeOf('deno', ['run', '--no-prompt', '--allow-net', '--allow-env', 'module.mjs']),
      },
    ],
  },
  {
    name: 'Bun',
    tool: 'bun',
    project: 'node',
    readme: 'Bun',
    rows: [
      { runs: 'as a module', outcome: (world) => world.outcomeOf('bun', ['run', 'module.mjs']) },
      { runs: 'by `require`', outcome: (world) => world.outcomeOf('bun', ['run', 'require.cjs']) },
    ],
  },
  {
    name: 'Cloudflare Workers (workerd)',
    tool: 'workerd',
    project: 'workerd',
    readme: 'Cloudflare Workers',
    settings: [
      ["import module from 'vaultshare/vaultshare_bg.wasm'", 'worker.js'],
      ['onDemandModule', 'worker.js'],
    ],
    prepare: (world) => world.run('node', ['build.mjs']),
    rows: [
      { runs: 'with both modules imported', outcome: (world) => inWorkerd(world, 'main', '/') },
      {
        fails: 'without saying where the modules are',
        error:
          'VaultError INVALID_ARGUMENT: this bundle does not know where its files are: import "vaultshare/inline", which needs none, or pass init({ module, onDemandModule }), as Cloudflare Workers do: Invalid URL string.',
        set: '`init({ module, onDemandModule })`',
        outcome: (world) => inWorkerd(world, 'main', '/without-settings'),
      },
      {
        fails: 'with `vaultshare/inline`',
        error:
          'VaultError INTERNAL: the WebAssembly module could not be started: WebAssembly.instantiate(): Wasm code generation disallowed by embedder',
        set: '`init({ module, onDemandModule })`',
        outcome: (world) => inWorkerd(world, 'inline', '/'),
      },
    ],
  },
];

async function inWorkerd(world, socket, path) {
  const other = socket === 'main' ? 'inline' : 'main';
  const sockets = (port) => [`--socket-addr=${socket}=127.0.0.1:${port}`, `--socket-addr=${other}=127.0.0.1:0`];
  const url = await world.serve('workerd', (port) => ['serve', 'config.capnp', ...sockets(port)]);
  return world.outcomeAt(`${url}${path}?server=${encodeURIComponent(world.url)}`);
}
