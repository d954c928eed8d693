/** What makes one script of a page, or of a program, and may leave the package's files behind. */

/** How the package's error ends where its file is not beside it. */
export const advice =
  '. Where a bundler has left the file behind: import "vaultshare/inline", which needs none, or pass init({ module, onDemandModule }), as Cloudflare Workers do';

/** What browsers say of every 404. */
export const notFound = 'the server responded with a status of 404';

const vite = (world, program, more = []) =>
  world.serve('node', (port) => [world.tool(program), ...more, '--host', '127.0.0.1', '--strictPort', '--port', port]);

/** A program in one file, or a few, that runs without the package beside it. */
const forServers = {
  project: 'server-bundle',
  readme: 'a bundle for a server',
  settings: [['vaultshare/inline', 'common/inline-story.js']],
};

export const bundlers = [
  {
    name: 'Vite',
    tool: 'vite',
    project: 'vite',
    readme: 'Vite 8',
    rows: [
      {
        runs: 'in a page, built',
        outcome: async (world) => {
          await world.run('vite', ['build']);
          return world.outcomeInPage(`${await world.serveFolder('dist')}/`);
        },
      },
      {
        runs: 'in a page, on the development server',
        outcome: async (world) => world.outcomeInPage(`${await vite(world, 'vite/bin/vite.js')}/`),
      },
    ],
  },
  {
    name: 'Vite 7',
    tool: 'vite7',
    project: 'vite7',
    readme: 'Vite 7',
    settings: [["optimizeDeps: { exclude: ['vaultshare'] }", 'vite.config.mjs']],
    prepare: (world) => world.run('node', [world.tool('vite7/bin/vite.js'), 'build']),
    rows: [
      {
        runs: 'in a page, built',
        outcome: async (world) => world.outcomeInPage(`${await world.serveFolder('dist')}/`),
      },
      {
        runs: 'in a worker, built',
        outcome: async (world) => world.outcomeInPage(`${await world.serveFolder('dist')}/in-worker.html`),
      },
      {
        runs: 'in a page, on the development server',
        outcome: async (world) => world.outcomeInPage(`${await vite(world, 'vite7/bin/vite.js')}/`),
      },
      {
        fails: 'on the development server without `optimizeDeps`',
        error: `VaultError BAD_RESPONSE: what is at http://127.0.0.1/node_modules/.vite/deps/vaultshare_bg.wasm is no WebAssembly module (text/html): a page in its place, or another file${advice}`,
        set: "`optimizeDeps: { exclude: ['vaultshare'] }`",
        outcome: async (world) => {
          const bare = ['--config', 'without-settings.config.mjs'];
          return world.outcomeInPage(`${await vite(world, 'vite7/bin/vite.js', bare)}/`);
        },
      },
    ],
  },
  {
    name: 'webpack',
    tool: 'webpack',
    project: 'webpack',
    readme: 'webpack 5',
    rows: [
      {
        runs: 'in a page',
        outcome: async (world) => {
          await world.run('node', ['build.mjs']);
          return world.outcomeInPage(`${await world.serveFolder('.')}/`);
        },
      },
    ],
  },
  {
    name: 'esbuild',
    tool: 'esbuild',
    project: 'esbuild',
    readme: 'esbuild',
    settings: [['vaultshare/inline', 'common/inline-story.js']],
    rows: [
      {
        runs: 'in a page, with `vaultshare/inline`',
        outcome: async (world) => {
          await world.run('esbuild', ['page.js', '--bundle', '--format=esm', '--outdir=dist']);
          return world.outcomeInPage(`${await world.serveFolder('.')}/`);
        },
      },
      {
        runs: 'in Node.js, with `vaultshare/inline`',
        outcome: async (world) => {
          await world.run('esbuild', ['server.js', '--bundle', '--format=esm', '--platform=node', '--outdir=dist']);
          return world.outcomeOf('node', ['dist/server.js']);
        },
      },
      {
        fails: 'in a page, with `vaultshare`',
        error: `VaultError BAD_RESPONSE: the WebAssembly module could not be loaded from http://127.0.0.1/dist/vaultshare_bg.wasm: the server answered 404${advice}`,
        set: 'import `vaultshare/inline`',
        outcome: async (world) => {
          await world.run('esbuild', ['beside.js', '--bundle', '--format=esm', '--outdir=dist']);
          return world.outcomeInPage(`${await world.serveFolder('.')}/beside.html`, { expectedTrouble: [notFound] });
        },
      },
    ],
  },
  {
    name: 'Rollup',
    tool: 'rollup',
    project: 'rollup',
    readme: 'Rollup',
    settings: [
      ['vaultshare/inline', 'common/inline-story.js'],
      ['inlineDynamicImports: true', 'rollup.config.mjs'],
    ],
    prepare: (world) => world.run('rollup', ['--config']),
    rows: [
      {
        runs: 'in a page as modules, with `vaultshare/inline`',
        outcome: async (world) => world.outcomeInPage(`${await world.serveFolder('.')}/`),
      },
      {
        runs: 'in a page as a script (`iife`), with `vaultshare/inline`',
        outcome: async (world) => world.outcomeInPage(`${await world.serveFolder('.')}/script.html`),
      },
    ],
  },
  {
    name: 'Parcel',
    tool: 'parcel',
    project: 'parcel',
    readme: 'Parcel',
    rows: [
      {
        runs: 'in a page',
        outcome: async (world) => {
          await world.run('parcel', ['build', 'index.html', '--cache-dir', 'cache', '--no-autoinstall']);
          return world.outcomeInPage(`${await world.serveFolder('dist')}/`);
        },
      },
    ],
  },
  {
    name: 'Bun’s bundler',
    tool: 'bun',
    project: 'bun-bundle',
    readme: 'Bun',
    settings: [['vaultshare/inline', 'common/inline-story.js']],
    rows: [
      {
        runs: 'in a page, with `vaultshare/inline`',
        outcome: async (world) => {
          await world.run('bun', ['build', 'page.js', '--outdir', 'dist']);
          return world.outcomeInPage(`${await world.serveFolder('.')}/`);
        },
      },
    ],
  },
  {
    name: 'Vite, for a server',
    tool: 'vite',
    ...forServers,
    rows: [
      {
        runs: 'in Node.js, with `vaultshare/inline`',
        outcome: async (world) => {
          await world.run('vite', ['build', '--ssr', 'server.js']);
          return world.outcomeOf('node', ['dist/server.js']);
        },
      },
      {
        fails: 'in Node.js, with `vaultshare`',
        error: `VaultError NETWORK: the WebAssembly module could not be loaded from file://…/dist/vaultshare_bg.wasm: ENOENT: no such file or directory, open '…/dist/vaultshare_bg.wasm'${advice}`,
        set: 'import `vaultshare/inline`',
        outcome: async (world) => {
          await world.run('vite', ['build', '--ssr', 'beside.js']);
          return world.outcomeOf('node', ['dist/beside.js']);
        },
      },
    ],
  },
  {
    name: 'Bun’s bundler, for a server',
    tool: 'bun',
    ...forServers,
    rows: ['bun', 'node'].map((target) => ({
      runs: `in ${target === 'bun' ? 'Bun' : 'Node.js'}, with \`vaultshare/inline\``,
      outcome: async (world) => {
        await world.run('bun', ['build', 'server.js', `--target=${target}`, '--outdir', 'dist']);
        return world.outcomeOf(target, ['dist/server.js']);
      },
    })),
  },
  {
    name: 'Deno’s bundler',
    tool: 'deno',
    ...forServers,
    rows: [
      {
        runs: 'in Deno, with `vaultshare/inline`',
        outcome: async (world) => {
          await world.run('deno', ['bundle', '--platform=deno', '--output=dist/server.js', 'server.js']);
          return world.outcomeOf('deno', ['run', '--no-prompt', '--allow-net', '--allow-env', 'dist/server.js']);
        },
      },
    ],
  },
];
