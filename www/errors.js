/**
 * What went wrong, as a sentence for the person at the screen. The package's `code` is for programs and stays the
 * same from version to version, so it is shown beside the sentence: it is what one searches for or reports.
 */

/** But for `INVALID_SECRET`, whose message says where in the secret to look. */
const sentences = {
  INVALID_ARGUMENT: 'Something in the form is missing or has the wrong shape.',
  LOGIN_FAILED: 'Secret and passphrase do not belong together. Check both; nobody can look them up for you.',
  SESSION_CLOSED: 'This session is closed and its keys are gone from memory. Sign in again.',
  DECRYPTION_FAILED: 'What the server sent cannot be decrypted: it was changed, or it was meant for another key.',
  MALFORMED_ENVELOPE: 'What the server sent is not a ciphertext at all.',
  UNSUPPORTED_ALGORITHM: 'The server named a kind of encryption that this page does not accept.',
  WEAK_KEY: 'The other side’s key is too weak to be safe. Nothing was encrypted for it.',
  KEY_CHANGED:
    'The other side’s key is not the one seen before. Nothing was encrypted for it: look at the new key under People, and compare safety numbers before you accept it.',
  VALUE_NOT_AUTHENTIC: 'A received value is not what its owner wrote.',
  MISPLACED: 'The server put something here that was sealed for another place. Do not rely on it, and report it.',
  UNBOUND_VALUE:
    'A value does not say where it belongs, so nothing was shared. Look at the item, and adopt it if it is as it should be.',
  ITEM_CHANGED:
    'The item is not as its values say it was written, so nothing was shared. Look at it, and adopt it if it is as it should be.',
  ROLLED_BACK: 'The server shows something older than this session has seen. Do not rely on it, and report it.',
  SERVER_NOT_PROVEN:
    'This is not the server that this user registered with. Check its address, and sign in nowhere else.',
  SENDER_NOT_PROVEN: 'Nothing proves who shared this.',
  UNVERIFIED_KEY:
    'Nothing proves that this key is the other’s, so nothing was shared. Compare safety numbers with them first.',
  NOT_FOUND: 'The server has no such record for this user.',
  NOT_CONNECTED: 'These two users are not connected.',
  ALREADY_CONNECTED: 'These two users are connected already.',
  ACCEPTANCE_REQUIRED: 'The terms of this share have to be accepted before its values can be read.',
  ON_SHARING_NOT_PERMITTED: 'The owner does not allow this item to be passed on.',
  NOT_OWNER: 'Only the owner can do this.',
  UNAUTHORIZED: 'The server no longer knows this session. Sign in again.',
  FORBIDDEN: 'The server does not allow this.',
  CONFLICT: 'Someone else changed this at the same time. Look again and repeat.',
  RATE_LIMITED: 'Too many attempts. Wait a little and try again.',
  SERVER_ERROR: 'The server failed. Nothing is lost on this side; try again.',
  BAD_RESPONSE: 'The server’s answer makes no sense.',
  NETWORK: 'The server cannot be reached. Check that it is running and try again.',
  TIMEOUT: 'The server did not answer in time. Try again.',
  ABORTED: 'Stopped, as you asked.',
  INTERNAL: 'Something failed inside the encryption module.',
};

/** @returns {{ sentence: string, code: string }} */
export function explain(error) {
  const code = typeof error?.code === 'string' ? error.code : 'INTERNAL';
  const sentence = sentences[code] ?? error?.message ?? 'Something went wrong.';
  // Its reason for refusing, which the package ends the message with: only the server knows it.
  const said = /; the server says: (".*")$/.exec(error?.message)?.[1];
  return { sentence: said ? `${sentence} The server says: ${said}` : sentence, code };
}
