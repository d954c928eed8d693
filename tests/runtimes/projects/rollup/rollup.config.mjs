import { nodeResolve } from '@rollup/plugin-node-resolve';

const plugins = [nodeResolve({ browser: true })];
export default [
  { input: 'page.js', plugins, output: { dir: 'dist' } },
  { input: 'page.js', plugins, output: { file: 'dist/script.js', format: 'iife', inlineDynamicImports: true } },
];
