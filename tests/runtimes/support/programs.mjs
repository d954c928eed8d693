/**
 * Programs with an end. Each gets a process group of its own, so that whatever it starts in turn ends with it: when its work is
 * done, when its time is up, and when the tests themselves are told to end.
 */
import { spawn } from 'node:child_process';

const running = new Set();

function endAll() {
  for (const program of running) program.end();
}
process.on('exit', endAll);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    endAll();
    process.exit(1);
  });
}

export class Program {
  /** What it has printed so far. */
  output = '';
  #child;

  constructor(program, args, { cwd, env }) {
    this.#child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.output += text;
      });
    }
    // What it leaves behind holds its pipes, and ends with it.
    this.#child.once('exit', () => this.end());
    /** Its exit status, or why there is none. */
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      this.#child.once('close', (status, signal) => resolve(status ?? signal));
    });
    this.ended.then(() => running.delete(this));
  }

  end() {
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // Nothing of it is left, or it never began.
    }
  }
}

/** Waits until something answers at an address, and no longer than the program that should is running. */
export async function answers(url, program) {
  let ended;
  program.ended.then((status) => {
    ended = status;
  });
  for (;;) {
    if (ended !== undefined) throw new Error(`it ended with ${ended} before it answered:\n${program.output}`);
    try {
      return await fetch(url, { signal: AbortSignal.timeout(30_000) });
    } catch {
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
  }
}

/** What the work comes to, or an error when its time is up. */
export async function within(seconds, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not end within ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
