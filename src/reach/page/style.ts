/** The page's style: system fonts, both colour schemes, one column on a phone. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #59636e; --paper: #fff; --card: #f6f8fa; --line: #d1d9e0; --good: #1a7f37; --bad: #cf222e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --dim: #9198a1; --paper: #0d1117; --card: #151b23; --line: #3d444d; --good: #3fb950; --bad: #ff7b72; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1.25rem 1rem 3rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.05rem; margin: 0; }
p { margin: .35rem 0; }
.dim { color: var(--dim); }
.answer { margin: 1rem 0; padding: .9rem 1rem; border-left: 4px solid var(--good); background: var(--card); border-radius: 0 8px 8px 0; overflow-wrap: anywhere; }
.answer.untried { border-color: var(--line); }
.answer.bad { border-color: var(--bad); }
.answer strong { font-size: 1.15rem; }
.columns { display: grid; gap: 1.25rem; }
@media (min-width: 48rem) { .columns { grid-template-columns: 18rem 1fr; align-items: start; } }
figure { margin: .6rem 0 0; }
.hops > summary { cursor: pointer; color: var(--dim); }
svg { display: block; width: 100%; max-width: 20rem; margin: 0 auto; font: 15px system-ui, sans-serif; fill: var(--ink); }
svg rect { fill: var(--card); stroke: var(--line); stroke-width: 1.5; }
svg rect.good { stroke: var(--good); } svg rect.bad { stroke: var(--bad); stroke-width: 3; }
svg line { stroke: var(--line); stroke-width: 2; } svg line.good { stroke: var(--good); } svg line.bad { stroke: var(--bad); stroke-dasharray: 4 4; }
svg .mark-good { fill: var(--good); } svg .mark-bad, svg .cause { fill: var(--bad); font-weight: 600; }
svg .cause { font-size: 13px; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: .9rem 1rem; margin: 0 0 .9rem; overflow-wrap: anywhere; }
.card header { display: flex; gap: .6rem; align-items: baseline; }
.works .mark, .degraded .mark { color: var(--good); } .fails .mark, .finding { color: var(--bad); } .finding { font-weight: 600; }
code, pre { font: .875rem/1.45 ui-monospace, monospace; }
pre { margin: .3rem 0 .8rem; padding: .6rem; background: var(--card); border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 22rem; overflow-y: auto; }
ol { list-style: none; margin: .6rem 0 0; padding: 0; } li { padding: .1rem 0; } li.skipped { color: var(--dim); }
ol.trail { border-left: 2px solid var(--line); padding-left: .8rem; } ol.trail li { padding: .25rem 0; } ol.trail li.unknown { color: var(--dim); }
ol.trail .seen .mark, ol.trail .passed .mark { color: var(--good); } ol.trail .missing, ol.trail .missing .mark { color: var(--bad); } ol.trail .unknown .mark { color: var(--dim); }
li summary { cursor: pointer; }
`;
