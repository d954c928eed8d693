// The package's classes, as wasm-bindgen generated them, made to fail as `index.d.ts` says they do.
//
// The generated methods do not look at what they are called on: one that is called on an object of another class would take
// that one's memory for its own. And they throw errors of their own, at once, also where a promise is expected.

import { VaultError } from './errors.js';
import * as bindings from './vaultshare_bg.js';

/** The methods that give no promise. */
const synchronous = new Set(['close', 'export', 'free']);

for (const type of Object.values(bindings)) {
  if (type?.prototype?.free) guardMembers(type);
}
if (Symbol.dispose) {
  // For `using session = …`: unlike one that is freed, a closed session says that it is closed.
  Object.defineProperty(bindings.Session.prototype, Symbol.dispose, {
    value() {
      this.close();
    },
    configurable: true,
    writable: true,
  });
}

export const { Attachment, decryptWithPassphrase, KeyPair, PublicKey, qrCode, Session, SymmetricKey, VaultClient } =
  bindings;

function guardMembers(type) {
  for (const name of Reflect.ownKeys(type.prototype)) {
    const member = Object.getOwnPropertyDescriptor(type.prototype, name);
    if (name === 'constructor' || String(name).startsWith('__')) continue;
    if (member.get) member.get = guarded(type, member.get, true);
    else member.value = guarded(type, member.value, typeof name === 'symbol' || synchronous.has(name));
    Object.defineProperty(type.prototype, name, member);
  }
}

/** The same function, which throws or rejects with a `VaultError` only, whose stack has the line that called. */
function guarded(type, method, isSynchronous) {
  return new Proxy(method, {
    apply(target, object, values) {
      try {
        if (!(object instanceof type)) throw new TypeError(`this is no ${type.name}`);
        const result = Reflect.apply(target, object, values);
        return isSynchronous ? result : calledHere(result, this.apply);
      } catch (error) {
        const failure = error instanceof VaultError ? error : failureOf(error);
        if (isSynchronous) throw failure;
        return Promise.reject(failure);
      }
    },
  });
}

function failureOf(error) {
  const isTrap = error instanceof WebAssembly.RuntimeError;
  const failure = isTrap
    ? new VaultError('INTERNAL', 'a fault of this library; the console says where')
    : new VaultError('INVALID_ARGUMENT', 'the object was freed, is of another class, or an argument could not be read');
  return Object.defineProperty(failure, 'cause', { value: error, configurable: true, writable: true });
}

/**
 * The same promise, with the caller in the stack of what it rejects with: an error that is made when a reply has come knows the
 * compiled code alone. Where the platform cannot say who called (`captureStackTrace` is V8's, and newly others'), it stays as it is.
 */
function calledHere(promise, own) {
  if (!Error.captureStackTrace) return promise;
  const call = {};
  Error.captureStackTrace(call, own);
  return promise.catch((error) => {
    // V8's have a line before those that called; a program may have its stacks made into something else.
    if (error instanceof VaultError && typeof call.stack === 'string') {
      const callers = call.stack.split('\n').slice(/^\S*Error\b|^\[object/.test(call.stack) ? 1 : 0);
      Object.defineProperty(error, 'stack', {
        value: [String(error), ...callers].join('\n'),
        configurable: true,
        writable: true,
      });
    }
    throw error;
  });
}
