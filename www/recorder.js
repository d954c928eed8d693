/**
 * Remembers what the server answered, by listening at the `fetch` that the page hands to the package.
 *
 * The server pane shows exactly this and nothing else: the records as they arrived over the wire, before anything
 * was decrypted. Requests are not looked at beyond their address and method, so that no credential can end up
 * on the screen; and only the kinds of record listed below are kept, so that session answers cannot either.
 */

/** Name in the answer (one record, or a list under the plural) → kind shown. */
const kinds = {
  item: 'item',
  slot: 'slot',
  share: 'share',
  connection: 'connection',
  invitation: 'invitation',
  keypair: 'key pair',
  key_encryption_key: 'key-encryption key',
  data_encryption_key: 'data-encryption key',
};
const places = Object.entries(kinds).flatMap(([name, kind]) => [
  [name, kind],
  [`${name}s`, kind],
]);

/** Answers that carry public templates or credentials: no part of what a user stored. */
const ignored =
  /\/(item_templates|classification_nodes|session|srp|external_admission_tokens|admission_tokens)(\/|$|\?)/;

export class Recorder extends EventTarget {
  /** Key → { key, kind, id, fields, toldTo, at }. The latest answer about a record replaces the earlier one. */
  records = new Map();
  /** The last few requests, newest first: { person, method, path, status }. */
  requests = [];

  /** A `fetch` for ClientOptions: does what the browser's does, and takes notes. */
  fetchFor(person) {
    return async (input, init) => {
      const method = (init?.method ?? input?.method ?? 'GET').toUpperCase();
      const path = new URL(input?.url ?? input, location.href).pathname;
      const response = await fetch(input, init);
      this.#noteRequest({ person, method, path, status: response.status });
      if (response.ok && !ignored.test(path)) {
        if (method === 'DELETE') this.#forget(path);
        else await this.#noteAnswer(person, response.clone());
      }
      this.dispatchEvent(new Event('change'));
      return response;
    };
  }

  /** What the server holds in place of a decrypted value. */
  ciphertextOf(slotId) {
    return this.records.get(`slot ${slotId}`)?.fields.encrypted_value ?? null;
  }

  #noteRequest(request) {
    this.requests.unshift(request);
    this.requests.length = Math.min(this.requests.length, 12);
  }

  async #noteAnswer(person, response) {
    let answer;
    try {
      answer = JSON.parse(await response.text());
    } catch {
      return; // An empty or broken body: the package will say so; there is no record in it to show.
    }
    for (const [name, kind] of places) {
      const found = answer?.[name];
      for (const fields of Array.isArray(found) ? found : found ? [found] : []) this.#noteRecord(person, kind, fields);
    }
  }

  #noteRecord(person, kind, fields) {
    const id = fields.id ?? fields.own?.id;
    if (!id) return;
    const key = `${kind} ${id}`;
    this.records.set(key, { key, kind, id, fields, toldTo: person, at: Date.now() });
  }

  /** A deleted share takes the recipient's copy with it, a deleted item its slots: follow the server in this. */
  #forget(path) {
    const id = decodeURIComponent(path.split('/').pop());
    for (const [key, { id: recordId, fields }] of this.records) {
      if (recordId === id || fields.share_id === id || fields.item_id === id) this.records.delete(key);
    }
  }
}
