// Instances of the package's second WebAssembly module, which has what few pages need: RSA without `crypto.subtle`, and YAML.
// `start.js` hands this to the main module. Of the module itself nothing is loaded or started before its first use.

// This small file comes at once, because a service worker may not import anything later.
import { perform, start } from './on-demand-module.js';

/** Gives out instances of three kinds, by where they run and who uses them. */
export class OnDemandModule {
  #starting;
  #local;
  #shared;

  /**
   * @param {(place: unknown) => Promise<Response | BufferSource>} open how the package's entry opens a file
   * @param {() => unknown} place where the module is, or what is in it
   * @param {() => Worker} [newWorker] absent where the entry has none
   */
  constructor(open, place, newWorker) {
    this.#starting = { open, place, newWorker };
  }

  /** An instance in a worker, for operations of some milliseconds: one for the page, and a new one after a failure. */
  sharedInstance() {
    if (this.#shared === undefined || this.#shared.failed) this.#shared = this.newInstance();
    return this.#shared;
  }

  /** An instance in a worker of its own, for an operation of seconds that would block all others. */
  newInstance() {
    const { newWorker } = this.#starting;
    return new Instance(async (instance) => {
      try {
        return await instance.startWorker(newWorker);
      } catch {
        return startHere(this.#starting);
      }
    });
  }

  /** The instance in this thread, for operations of microseconds; a new one after a failure. */
  localInstance() {
    if (this.#local === undefined || this.#local.failed) this.#local = new Instance(() => startHere(this.#starting));
    return this.#local;
  }
}

/** One instance of the module. */
class Instance {
  /** Whether it could not be started, or has stopped working since. */
  failed = false;
  #worker;
  #requests = 0;
  #pending = new Map();
  #perform;

  /** @param {(instance: Instance) => Promise<Function>} start gives what calls one of the module's exports */
  constructor(start) {
    this.#perform = start(this);
    this.#perform.catch(() => {
      this.failed = true;
    });
  }

  /**
   * The result of one of the module's exports. Rejects with a `LoadError` where the module could not be loaded, and with
   * another error where it stopped working.
   *
   * @param {string} operation
   * @param {(number | Uint8Array)[]} values arrays are transferred or zeroized
   */
  async call(operation, values) {
    try {
      const perform = await this.#perform;
      return await perform(operation, values);
    } catch (error) {
      this.failed = true;
      throw error;
    } finally {
      // Those that were transferred to the worker are empty here.
      for (const value of values) if (value.length > 0) value.fill(0);
    }
  }

  /** Calls an export without waiting for its result. */
  notify(operation, values) {
    this.call(operation, values).catch(() => {});
  }

  /** Ends the worker, whatever it is doing. */
  terminate() {
    this.#worker?.terminate();
  }

  /** Gives what sends requests to a worker, once that is ready for them. */
  async startWorker(newWorker) {
    this.#worker = newWorker();
    try {
      await isReady(this.#worker);
    } catch (error) {
      this.terminate();
      throw error;
    }
    this.#worker.onmessage = ({ data }) => this.#settle(data);
    this.#worker.onerror = (event) => this.#fail(event.message);
    return (operation, values) => this.#request(operation, values);
  }

  #request(operation, values) {
    return new Promise((resolve, reject) => {
      if (this.failed) throw new Error('the worker has ended');
      this.#requests += 1;
      this.#pending.set(this.#requests, { resolve, reject });
      const buffers = values.filter((value) => value instanceof Uint8Array).map((array) => array.buffer);
      this.#worker.postMessage({ id: this.#requests, operation, values }, buffers);
    });
  }

  #settle({ id, result, error }) {
    // After a trap the module's state cannot be relied on.
    if (error !== undefined) return this.#fail(error);
    this.#pending.get(id).resolve(result);
    this.#pending.delete(id);
  }

  #fail(reason) {
    this.failed = true;
    this.terminate();
    for (const { reject } of this.#pending.values()) reject(new Error(reason));
    this.#pending.clear();
  }
}

/** Settles with the worker's first message. A script that is missing, or not allowed, is reported by an event instead. */
function isReady(worker) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data: { error } }) => (error === undefined ? resolve() : reject(new Error(error)));
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  });
}

async function startHere({ open, place }) {
  await start(open, place);
  return perform;
}
