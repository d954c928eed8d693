// What the compiled code uses of the platform, as it was when the package was imported: what a test has replaced by a fake
// drops the work that is scheduled by it, for good. Where the platform lacks something, importing does nothing all the
// same, and `init` says what it is.

export const { queueMicrotask } = globalThis;

const needed = ['TextDecoder', 'TextEncoder'];

/** What is not there: jsdom, for one, has neither. */
export const missing = needed.filter((name) => globalThis[name] === undefined);

/** Stands in until `init` has refused to start. The compiled code decodes nothing when it is imported. */
class Missing {
  decode() {}
}

export const { TextDecoder = Missing, TextEncoder = Missing } = globalThis;
