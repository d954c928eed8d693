// The error that every failure of vaultshare reaches JavaScript as.
//
// It is written here and not in Rust because it has to be a real subclass of Error, with a stack and `instanceof`, and
// because it has to be there before the WebAssembly module is: the loader throws it too. Rust imports this file, the
// loader exports it, so there is one class.

// Marks errors of this library whichever copy of it, and whichever frame, they come from: such symbols are shared.
const mark = Symbol.for('vaultshare.VaultError');

/** A failure of vaultshare. Branch on `code`, which is stable; the message is for people. */
export class VaultError extends Error {
  /**
   * @param {string} code what kind of failure this is, one of `ErrorCode`
   * @param {string} message what went wrong, without any secret
   * @param {number} [status] the HTTP status, where a response was received
   * @param {string} [serverCode] the server's own error code, where it sent one
   * @param {unknown} [cause] what `fetch` rejected with, where a connection failed
   */
  constructor(code, message, status, serverCode, cause) {
    super(message, cause == null ? undefined : { cause });
    this.code = code;
    if (status != null) this.status = status;
    if (serverCode != null) this.serverCode = serverCode;
  }

  // On the prototype, so that stacks start with it and printing an error does not repeat it.
  get name() {
    return 'VaultError';
  }

  get [mark]() {
    return true;
  }

  /** What a message to another thread, or a log, takes along: a structured clone loses code, status and class. */
  toJSON() {
    const { name, message } = this;
    return { name, message, ...this };
  }

  /** The error of what `toJSON` gave, perhaps in another thread. */
  static from({ code, message, status, serverCode }) {
    return new VaultError(code, message, status, serverCode);
  }
}

/** Whether a caught value is a failure of vaultshare, also one made by another copy of it. */
export function isVaultError(error) {
  return typeof error === 'object' && error !== null && error[mark] === true;
}
