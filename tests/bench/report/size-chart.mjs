/** What a page has to load for each client: one bar each, as long as its bytes. */
import { LARGEST_PACKAGE } from '../cases.mjs';
import { kilobytes } from './format.mjs';

const WIDTH = 1040;
const BARS = { left: 300, right: 900 };
const HEIGHT = 96;
const BAR = 18;

/** @returns {string} an SVG element */
export function sizeChart({ wasm_gz, js_gz, peer_gz }) {
  const ours = wasm_gz + js_gz;
  const largest = Math.max(ours, peer_gz, LARGEST_PACKAGE);
  const length = (bytes) => Math.round((bytes / largest) * (BARS.right - BARS.left) * 10) / 10;
  const limit = BARS.left + length(LARGEST_PACKAGE);
  return `<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="The sizes as bars">
    <text class="title" x="0" y="29">ours</text>
    <rect class="bar ours" x="${BARS.left}" y="15" width="${length(wasm_gz)}" height="${BAR}" rx="3"><title>WebAssembly ${kilobytes(wasm_gz)}</title></rect>
    <rect class="bar ours light" x="${BARS.left + length(wasm_gz)}" y="15" width="${length(js_gz)}" height="${BAR}" rx="3"><title>JavaScript ${kilobytes(js_gz)}</title></rect>
    <text class="value ours" x="${BARS.left + length(ours) + 8}" y="29">${kilobytes(ours)}</text>
    <text class="title" x="0" y="61">peer</text>
    <rect class="bar peer" x="${BARS.left}" y="47" width="${length(peer_gz)}" height="${BAR}" rx="3"/>
    <text class="value peer" x="${BARS.left + length(peer_gz) + 8}" y="61">${kilobytes(peer_gz)}</text>
    <line class="limit ${ours <= LARGEST_PACKAGE ? 'met' : 'missed'}" x1="${limit}" x2="${limit}" y1="10" y2="70"/>
    <text class="decade" x="${limit}" y="86">wanted ≤ ${kilobytes(LARGEST_PACKAGE)}</text>
  </svg>`;
}
