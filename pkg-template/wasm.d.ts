import type { ModuleSource } from './index.js';

/** What a bundler makes of an imported `.wasm` file: most its URL, some the compiled module. `init` takes both. */
declare const source: ModuleSource;
export default source;
