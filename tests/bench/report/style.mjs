/** How the page of the report looks, by day and by night. */
export const style = `
:root {
  --paper: #f6f7f9; --card: #ffffff; --ink: #1c2230; --soft: #667085; --hair: #e6e8ee;
  --ours: #3657e3; --ours-pale: #93a5f3; --peer: #c3c8d4; --floor: #17a27a; --good: #12805f; --bad: #c2410c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #11141b; --card: #191e28; --ink: #e8ebf2; --soft: #97a1b5; --hair: #2a3140;
    --ours: #7f9bff; --ours-pale: #4a5da6; --peer: #4a5366; --floor: #3ecf9f; --good: #4ad8a8; --bad: #ff9a5c;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1140px; margin: 0 auto; padding: 56px 24px 40px; }
h1 { font-size: 40px; line-height: 1.1; letter-spacing: -0.02em; margin: 0 0 12px; }
h2 { font-size: 20px; margin: 0; }
.lead { max-width: 68ch; margin: 0; color: var(--soft); }
.lead b { font-weight: 650; }
b.ours { color: var(--ours); }
b.peer { color: var(--ink); }
b.floor { color: var(--floor); }
.warning { color: var(--bad); font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 16px; margin: 32px 0; }
.tile, .card { background: var(--card); border: 1px solid var(--hair); border-radius: 16px; }
.tile { padding: 20px 22px; }
.tile strong { display: block; font-size: 30px; line-height: 1.2; letter-spacing: -0.01em; font-variant-numeric: tabular-nums; }
.tile.met strong { color: var(--good); }
.tile.missed strong { color: var(--bad); }
.tile span, .note, footer { color: var(--soft); font-size: 14px; }
.card { padding: 26px 28px; margin-bottom: 24px; }
.note { margin: 4px 0 18px; }
.scroll { overflow-x: auto; }
.chart { display: block; width: 100%; min-width: 860px; height: auto; font-family: inherit; }
.chart text { fill: var(--ink); font-variant-numeric: tabular-nums; }
.chart .title { font-size: 15px; font-weight: 600; }
.chart .name { font: 12px ui-monospace, monospace; fill: var(--soft); }
.chart .grid { stroke: var(--hair); stroke-width: 1; stroke-dasharray: 2 4; }
.chart .rule { stroke: var(--hair); stroke-width: 1; }
.chart .decade { font-size: 12px; fill: var(--soft); text-anchor: middle; }
.chart .bar.ours { fill: var(--ours); }
.chart .bar.ours.light { fill: var(--ours-pale); }
.chart .bar.peer { fill: var(--peer); }
.chart .bar.floor { fill: var(--floor); opacity: 0.75; }
.chart .spread { stroke: var(--ink); stroke-width: 1.5; opacity: 0.55; }
.chart .value { font-size: 11.5px; fill: var(--soft); paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
.chart .value.ours { fill: var(--ink); font-weight: 650; }
.chart .limit { stroke-width: 2.5; stroke-linecap: round; }
.chart .limit.met { stroke: var(--good); }
.chart .limit.missed { stroke: var(--bad); }
.chart .ratio { font-size: 19px; font-weight: 650; text-anchor: end; }
.chart .ratio.met { fill: var(--good); }
.chart .ratio.missed { fill: var(--bad); }
.chart .explained { font-size: 12px; fill: var(--soft); text-anchor: end; }
.chart .explained.missed { fill: var(--bad); font-weight: 600; }
`;
