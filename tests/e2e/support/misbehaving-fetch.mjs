/**
 * A `fetch` for ClientOptions that behaves as badly as the page's `misbehave` object says, and like the browser's
 * otherwise. Runs in the page, so it may use nothing from outside itself.
 */
export function installMisbehavingFetch() {
  globalThis.misbehave = {};
  /** What was asked, as `METHOD address`. */
  globalThis.requests = [];

  globalThis.misbehavingFetch = async (input, init) => {
    const how = globalThis.misbehave;
    const signal = init?.signal ?? input?.signal;
    globalThis.requests.push(`${(init?.method ?? input?.method ?? 'GET').toUpperCase()} ${input?.url ?? input}`);
    if (how.rejectWith !== undefined) throw how.rejectWith;
    if (how.hang) await forever(how.ignoreSignal ? undefined : signal);
    if (how.delay)
      await new Promise((resolve) => {
        setTimeout(resolve, how.delay);
      });
    if (how.body !== undefined || how.status)
      return new Response(how.body ?? '', {
        status: how.status ?? 200,
        headers: { 'Content-Type': 'application/json' },
      });

    const response = await fetch(input, init);
    if (!how.flipOneBitOf && !how.replace && !how.otherUsersKey) return response;
    const answer = JSON.parse(await response.text());
    visit(answer, (record) => {
      const sealed = record[how.flipOneBitOf];
      if (sealed) record[how.flipOneBitOf] = flipOneBit(sealed);
      for (const [name, text] of Object.entries(how.replace ?? {})) if (record[name]) record[name] = text;
      if (how.otherUsersKey && record.the_other_user) record.the_other_user.user_public_key = how.otherUsersKey;
    });
    return new Response(JSON.stringify(answer), {
      status: response.status,
      headers: { 'Content-Type': 'application/json' },
    });
  };

  function forever(signal) {
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
  }

  function visit(value, change) {
    if (typeof value !== 'object' || value === null) return;
    change(value);
    for (const inner of Object.values(value)) visit(inner, change);
  }

  /** In the first byte of what was encrypted, leaving the envelope well-formed. */
  function flipOneBit(envelope) {
    const [strategy, data, ...rest] = envelope.split('.');
    const bytes = Uint8Array.from(atob(data.replaceAll('-', '+').replaceAll('_', '/')), (letter) =>
      letter.charCodeAt(0),
    );
    bytes[0] ^= 1;
    const flipped = btoa(String.fromCharCode(...bytes))
      .replaceAll('+', '-')
      .replaceAll('/', '_');
    return [strategy, flipped, ...rest].join('.');
  }
}
