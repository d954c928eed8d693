/** The report as a page to look at: one file that needs no other. */
import { LARGEST_PACKAGE, LONGEST_TASK } from '../cases.mjs';
import { chart } from './chart.mjs';
import { duration, escaped, kilobytes, times } from './format.mjs';
import { sizeChart } from './size-chart.mjs';
import { style } from './style.mjs';

/** @returns {string} */
export function html(report) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>vaultshare: how fast it is</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
  <h1>How fast vaultshare is</h1>
  <p class="lead">The same work by three clients in one browser, taking turns: <b class="ours">ours</b>, the
  <b class="peer">peer</b> (the SDK of 2020), and the <b class="floor">floor</b> (bare <code>crypto.subtle</code> and bare
  <code>fetch</code>), below which nothing in a browser gets.</p>
  ${report.smoke ? '<p class="warning">A smoke run: everything is small and was done once. The times mean nothing.</p>' : ''}
</header>
<section class="tiles">${tiles(report).map(tile).join('\n')}</section>
<section class="card">
  <h2>Time</h2>
  <p class="note">Shorter is better; each line is ten times the one before it. The mark across ours says where it has to end at the latest.</p>
  <div class="scroll">${chart(report.cases)}</div>
</section>
<section class="card">
  <h2>Size</h2>
  <p class="note">What a page loads, gzipped: WebAssembly and, paler, JavaScript.</p>
  <div class="scroll">${sizeChart(report.size)}</div>
</section>
<footer>
  <p>${escaped(report.machine)}. ${escaped(report.date.slice(0, 16).replace('T', ', '))} UTC. At least ${report.pairs} rounds for each case.</p>
</footer>
</main>
</body>
</html>
`;
}

/** The few numbers to remember. */
function tiles({ cases, size }) {
  const met = cases.filter((one) => one.met).length;
  const longest = Math.max(0, ...cases.map(({ longest_task_ms }) => longest_task_ms ?? 0));
  const ours = size.wasm_gz + size.js_gz;
  const signIn = cases.find(({ name }) => name === 'signIn');
  return [
    { big: `${met} of ${cases.length}`, small: 'cases within all bounds', good: met === cases.length },
    ...(signIn
      ? [
          {
            big: times(signIn.peer_ratio),
            small: `as fast as the peer at signing in: ${duration(signIn.ours_ms)}`,
            good: signIn.met,
          },
        ]
      : []),
    {
      big: longest === 0 ? `< ${LONGEST_TASK} ms` : duration(longest),
      small: 'is the longest that the page was kept waiting',
      good: longest <= LONGEST_TASK,
    },
    { big: kilobytes(ours), small: `to load; the peer has ${kilobytes(size.peer_gz)}`, good: ours <= LARGEST_PACKAGE },
  ];
}

function tile({ big, small, good }) {
  return `<div class="tile ${good ? 'met' : 'missed'}"><strong>${escaped(big)}</strong><span>${escaped(small)}</span></div>`;
}
