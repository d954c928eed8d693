import { fileURLToPath } from 'node:url';
import webpack from 'webpack';

const folder = fileURLToPath(new URL('.', import.meta.url));
webpack(
  { context: folder, mode: 'production', entry: './page.js', output: { path: `${folder}/dist` } },
  (error, stats) => {
    if (error ?? stats.hasErrors()) {
      console.error(error ?? stats.toString());
      process.exit(1);
    }
  },
);
