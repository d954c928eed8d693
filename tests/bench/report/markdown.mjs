/** The report as the page that the documentation holds. */
import { LARGEST_PACKAGE, LONGEST_TASK } from '../cases.mjs';
import { PARTS } from '../profile.mjs';
import { digits, kilobytes, longestTask, milliseconds } from './format.mjs';

/** @returns {string} */
export function markdown({ cases, itemBytes, size, machine, date, pairs }) {
  const missed = cases.filter(({ met }) => !met);
  return `# How fast it is

Written by \`cargo xtask bench\`, which anyone can run again. It also draws the picture, \`target/bench/report.html\`.

${date.slice(0, 10)}, on ${machine}.

| case | ours | peer | floor | peer ÷ ours | ours ÷ floor | longest task | requests: ours, peer, floor | |
|---|---:|---:|---:|---:|---:|---:|---:|---|
${cases.map(row).join('\n')}

${missed.length === 0 ? 'All bounds are met.' : `Not met:\n\n${missed.map(({ name, missed: words }) => `- \`${name}\`: ${words.join('; ')}`).join('\n')}`}

To load, gzipped: ${kilobytes(size.wasm_gz + size.js_gz)}, of which WebAssembly ${kilobytes(size.wasm_gz)} and JavaScript ${kilobytes(size.js_gz)}; wanted is at most ${kilobytes(LARGEST_PACKAGE)}. The peer has ${kilobytes(size.peer_gz)}.
A page without \`crypto.subtle\` loads another ${kilobytes(size.second_module_gz)} with its first RSA key.

An item of 20 short values is ${kilobytes(itemBytes.ours.plain)} as the server sends it (gzipped ${kilobytes(itemBytes.ours.gzipped)}); with values that name no place, as
other clients write them, ${kilobytes(itemBytes.bare.plain)} (gzipped ${kilobytes(itemBytes.bare.gzipped)}).

## Where our time goes

| case | waiting | browser | module | scripts | garbage |
|---|---:|---:|---:|---:|---:|
${cases
  .filter(({ profile }) => profile)
  .map(profileRow)
  .join('\n')}

Shares of the time from call to result, as Chromium's profiler samples the page's thread in runs of ours alone. *Waiting*: for
the server, or for \`crypto.subtle\`, which works in threads of its own. *Browser*: in this thread, but in no script: handing
work to those threads, taking up replies, and what waiting the profiler does not know as such. *Module*: our compiled code.
*Scripts*: our JavaScript.

No client in a page can be more times as fast as the peer than *peer ÷ floor*: bare calls take that long.

## How it is measured

- *Ours* is the built npm package. The *peer* is \`@meeco/sdk\` 0.0.13-alpha for workflows and \`@meeco/cryppo\` 2.0.2 for
  primitives, as published, bundled by esbuild. The *floor* is the same work by bare \`crypto.subtle\` and bare \`fetch\`, written
  to be as fast as a browser allows and checking little; it is no client. It does the same protocol: it reads and writes
  where a ciphertext belongs, compares an item with what its values vouch for, and encrypts for whom a grant names.
- All run in one page of one headless Chromium, against one server on the same machine, and take turns. There are at least
  ${pairs} rounds, after one that warms up and whose outcome is verified; quick cases have more. Before each turn the garbage is
  collected. Times are medians; between brackets is where the middle half lies. Wanted is, in brackets behind the ratios, at
  least so many times as fast as the peer and at most so many times the floor.
- Key pairs come ready-made in the place of \`crypto.subtle.generateKey\`, for all three alike, because making one takes 0.3 to 3
  seconds at random. Where a case says that a pair is ready, ours has been left alone for long enough to make it ahead of need,
  the floor has been given one, and the peer, which makes none ahead, makes its own.
- *Share*: the connection is known to the session, the item is not. *Read a share for the first time*: by a session that was
  just opened, which has to fetch and unwrap its key pair. *Decrypt 1,000 items*: what the server replied is in memory, and
  reading that JSON is part of the work; the peer does what the SDK does for each item, the floor one \`decrypt\` for each slot
  and one \`digest\` for each item.
  *Refresh*: the peer's \`updateSharedItem\`. *Without \`crypto.subtle\`*: a page from which it was taken away before anything
  was loaded, as on plain http.
- *From the navigation*: each turn opens a page of its own, without a cache, that loads one client as one script, starts it, signs in
  and reads one share; the server sends what was compressed before. *A phone on 4G* is what Chromium's developer tools call Fast 4G,
  165 ms to a reply and 8.1 Mbit/s, and a quarter of this machine's processor. Requests are those for files, too.
- The longest task is the longest that ours kept the page busy without a pause, in runs of its own. Wanted is at most
  ${LONGEST_TASK} ms, which is also the shortest that a browser tells of.
- All of this is in a browser. \`cargo bench\` times the cryptography natively, and \`cargo xtask test native\` fails where opening
  or sealing an item, reading a reply or writing a request takes markedly more instructions than it did.
`;
}

function row({
  title,
  name,
  ours_ms,
  peer_ms,
  floor_ms,
  peer_ratio,
  floor_ratio,
  longest_task_ms,
  requests,
  spread,
  bounds,
  met,
}) {
  const time = (client, median) =>
    median === null ? '–' : `${milliseconds(median)} (${spread[client].map(digits).join('–')})`;
  const cells = [
    `${title} \`${name}\``,
    time('ours', ours_ms),
    time('peer', peer_ms),
    time('floor', floor_ms),
    ratio(peer_ratio, '≥', bounds.peer),
    ratio(floor_ratio, '≤', bounds.floor),
    longestTask(longest_task_ms),
    ['ours', 'peer', 'floor'].map((client) => requests[client] ?? '–').join(', '),
    met ? 'met' : '**missed**',
  ];
  return `| ${cells.join(' | ')} |`;
}

function profileRow({ title, name, profile }) {
  return `| ${[`${title} \`${name}\``, ...PARTS.map((part) => `${Math.round(profile[part] * 100)} %`)].join(' | ')} |`;
}

function ratio(number, sign, bound) {
  if (number === null) return '–';
  return bound === undefined ? digits(number) : `${digits(number)} (${sign} ${bound})`;
}
