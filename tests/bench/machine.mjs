/** On what it ran, in words. */
import { cpus, totalmem } from 'node:os';

/** @param {string} browserVersion */
export function machine(browserVersion) {
  const processors = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  return `${processors.length} × ${processors[0].model.trim()}, ${gibibytes} GiB, ${process.platform}, Chromium ${browserVersion}, Node ${process.version}`;
}
