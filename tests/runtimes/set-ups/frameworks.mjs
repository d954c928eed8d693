/** What renders pages on a server and in the browser, of the same code. */
import { advice, notFound } from './bundlers.mjs';

const nextBuilt = async (world, { more = [], env = {} } = {}) => {
  await world.run('next', ['build', ...more], { env });
  return world.serve('next', (port) => ['start', '--hostname', '127.0.0.1', '--port', port], { env });
};
const angularBuilt = (world, more) => world.run('ng', ['build', ...more]);
/** As most servers of Node.js want it. */
const byVariables = (port) => ({ env: { HOST: '127.0.0.1', PORT: port } });

const withoutExternal = {
  error: `VaultError NETWORK: the WebAssembly module could not be loaded from /_next/static/media/vaultshare_bg.….wasm: Failed to parse URL from /_next/static/media/vaultshare_bg.….wasm${advice}`,
  set: "`serverExternalPackages: ['vaultshare']`",
};

export const frameworks = [
  {
    name: 'Next.js',
    tool: 'next',
    project: 'next',
    readme: 'Next.js',
    settings: [["serverExternalPackages: ['vaultshare']", 'next.config.mjs']],
    prepare: nextBuilt,
    rows: [
      { runs: 'in a client component', outcome: (world, url) => world.outcomeInPage(`${url}/`) },
      { runs: 'in a server component', outcome: (world, url) => world.outcomeAt(`${url}/on-server`) },
      { runs: 'in a route handler', outcome: (world, url) => world.outcomeAt(`${url}/route`) },
    ],
  },
  {
    name: 'Next.js by webpack, without `serverExternalPackages`',
    tool: 'next',
    project: 'next',
    readme: 'Next.js',
    leavesOut: true,
    prepare: (world) => nextBuilt(world, { more: ['--webpack'], env: { WITHOUT_SETTINGS: '1' } }),
    rows: [
      { runs: 'in a client component', outcome: (world, url) => world.outcomeInPage(`${url}/`) },
      {
        ...withoutExternal,
        fails: 'in a server component',
        outcome: (world, url) => world.outcomeAt(`${url}/on-server`),
      },
      { ...withoutExternal, fails: 'in a route handler', outcome: (world, url) => world.outcomeAt(`${url}/route`) },
    ],
  },
  {
    name: 'SvelteKit',
    tool: '@sveltejs/kit',
    project: 'sveltekit',
    readme: 'SvelteKit',
    prepare: async (world) => {
      await world.run('vite', ['build']);
      return world.serve('node', () => ['build/index.js'], byVariables);
    },
    rows: [
      { runs: 'in a page', outcome: (world, url) => world.outcomeInPage(`${url}/`) },
      { runs: 'while a page is rendered on the server', outcome: (world, url) => world.outcomeAt(`${url}/on-server`) },
      { runs: 'in a server route', outcome: (world, url) => world.outcomeAt(`${url}/route`) },
    ],
  },
  {
    name: 'Nuxt',
    tool: 'nuxt',
    project: 'nuxt',
    readme: 'Nuxt',
    prepare: async (world) => {
      await world.run('nuxt', ['build']);
      return world.serve('node', () => ['.output/server/index.mjs'], byVariables);
    },
    rows: [
      { runs: 'in a page', outcome: (world, url) => world.outcomeInPage(`${url}/`) },
      { runs: 'while a page is rendered on the server', outcome: (world, url) => world.outcomeAt(`${url}/`) },
      { runs: 'in a server route (Nitro)', outcome: (world, url) => world.outcomeAt(`${url}/api/story`) },
    ],
  },
  {
    name: 'Astro',
    tool: 'astro',
    project: 'astro',
    readme: 'Astro',
    prepare: async (world) => {
      await world.run('astro', ['build']);
      return world.serveFolder('dist');
    },
    rows: [
      { runs: 'in a page', outcome: (world, url) => world.outcomeInPage(`${url}/`) },
      { runs: 'while a page is built', outcome: (world, url) => world.outcomeAt(`${url}/`) },
    ],
  },
  {
    name: 'Angular',
    tool: '@angular/core',
    project: 'angular',
    readme: 'Angular',
    settings: [['"assets": [{ "glob": "*.wasm", "input": "node_modules/vaultshare", "output": "/" }]', 'angular.json']],
    rows: [
      {
        runs: 'in a page, built',
        outcome: async (world) => {
          await angularBuilt(world, []);
          return world.outcomeInPage(`${await world.serveFolder('dist/browser')}/`);
        },
      },
      {
        runs: 'in a page, on the development server',
        outcome: async (world) => {
          const url = await world.serve('ng', (port) => ['serve', '--host', '127.0.0.1', '--port', port]);
          return world.outcomeInPage(`${url}/`);
        },
      },
      {
        fails: 'in a page without `assets`',
        error: `VaultError BAD_RESPONSE: the WebAssembly module could not be loaded from http://127.0.0.1/vaultshare_bg.wasm: the server answered 404${advice}`,
        set: '`"assets": [{ "glob": "*.wasm", "input": "node_modules/vaultshare", "output": "/" }]`',
        outcome: async (world) => {
          await angularBuilt(world, ['--configuration', 'without-settings']);
          const url = await world.serveFolder('without-settings/browser');
          return world.outcomeInPage(`${url}/`, { expectedTrouble: [notFound] });
        },
      },
    ],
  },
];
