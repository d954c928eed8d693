// RSA for pages without `crypto.subtle`, by the package's second module. Nothing of it is loaded or started before its
// first use. It works in workers, so that the page stays alive; where there can be none, in the thread that asks.

import { VaultError } from './errors.js';

let open = (place) => fetch(place);

/** Has files opened as the package's entry opens them. */
export function openWith(opener) {
  open = opener;
}

let shared;

/** The workplace of all that takes milliseconds: one for the page, and a new one after a failure. */
export function sharedWorkplace() {
  if (shared === undefined || shared.failed) shared = new Workplace();
  return shared;
}

/** Where the second module is at work. */
export class Workplace {
  /** Whether it could not be started, or broke down since. */
  failed = false;
  #worker;
  #questions = 0;
  #waiting = new Map();
  #carryOut;

  constructor() {
    this.#carryOut = this.#startInWorker().catch(() => startHere());
    this.#carryOut.catch(() => { this.failed = true; });
  }

  /**
   * The result of one of the module's functions; rejects with a `VaultError` where it could not be called.
   *
   * @param {string} operation
   * @param {(number | Uint8Array)[]} values arrays are given away, and overwritten once they have been read
   */
  async ask(operation, values) {
    try {
      const carryOut = await this.#carryOut;
      return await carryOut(operation, values);
    } catch (error) {
      if (error instanceof VaultError) throw error;
      this.failed = true;
      throw brokenDown(error);
    } finally {
      // Who has them last overwrites them. Those that went to the worker are empty here.
      for (const value of values) if (value.length > 0) value.fill(0);
    }
  }

  /** Calls one of the module's functions for its effect alone. */
  tell(operation, values) {
    this.ask(operation, values).catch(() => {});
  }

  /** Ends the worker, whatever it is doing. */
  end() {
    this.#worker?.terminate();
  }

  async #startInWorker() {
    // In this form, and in this place, bundlers see that the file is a worker's.
    this.#worker = new Worker(new URL('./portable-rsa-worker.js', import.meta.url), { type: 'module' });
    try {
      await readiness(this.#worker);
    } catch (error) {
      this.end();
      throw error;
    }
    this.#worker.onmessage = ({ data }) => this.#answer(data);
    this.#worker.onerror = (event) => this.#breakDown(event.message);
    return (operation, values) => this.#askWorker(operation, values);
  }

  #askWorker(operation, values) {
    return new Promise((resolve, reject) => {
      if (this.failed) throw brokenDown('it has ended');
      this.#questions += 1;
      this.#waiting.set(this.#questions, { resolve, reject });
      const buffers = values.filter((value) => value instanceof Uint8Array).map((array) => array.buffer);
      this.#worker.postMessage({ question: this.#questions, operation, values }, buffers);
    });
  }

  #answer({ question, result, error }) {
    // After a trap nothing in the module can be relied on.
    if (error !== undefined) return this.#breakDown(error);
    this.#waiting.get(question).resolve(result);
    this.#waiting.delete(question);
  }

  #breakDown(reason) {
    this.failed = true;
    this.end();
    for (const { reject } of this.#waiting.values()) reject(brokenDown(reason));
    this.#waiting.clear();
  }
}

/** Settles with the worker's first message; a script that is not there, or is not allowed, is told in an event instead. */
function readiness(worker) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data: { error } }) => (error === undefined ? resolve() : reject(new Error(error)));
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  });
}

async function startHere() {
  const here = await import('./portable-rsa-module.js');
  await here.start(open);
  // Also here nothing may be thrown at once: whoever asks expects a promise.
  return async (operation, values) => here.perform(operation, values);
}

function brokenDown(reason) {
  return new VaultError('INTERNAL', `an RSA operation could not be carried out: ${reason}`);
}
