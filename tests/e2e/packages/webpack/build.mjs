import { fileURLToPath } from 'node:url';
import webpack from 'webpack';

const folder = fileURLToPath(new URL('.', import.meta.url));
webpack(
  {
    context: folder,
    mode: 'production',
    entry: './main.js',
    output: { path: `${folder}/dist`, filename: 'main.js', publicPath: 'auto' },
    performance: { hints: false },
  },
  (error, stats) => {
    if (error ?? stats.hasErrors()) {
      console.error(error ?? stats.toString());
      process.exit(1);
    }
  },
);
