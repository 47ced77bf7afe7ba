"""The page's style: readable in light and dark, wide and narrow, on screen and paper."""

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --text: #1c1e21; --dim: #636870; --line: #d9dce1;
  --soft: #f4f5f7; --holds: #15703a; --fails: #b3202a; --right: #5b8fd4; --missing: #d6303c;
  --surplus: #e08a00; --slots: #8a4fc7; }
@media (prefers-color-scheme: dark) { :root { --ground: #16181c; --text: #e6e8eb; --dim: #9aa1ab;
  --line: #363b43; --soft: #1f2329; --holds: #5fd08d; --fails: #ff8085; --right: #5f93d8;
  --missing: #ff5c66; --surplus: #ffb13d; --slots: #b78af0; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--ground);
  max-width: 70rem; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 2rem; margin: 0; } h2 { font-size: 1.25rem; margin: 2.25rem 0 .5rem; }
.verdict { border-left: .4rem solid var(--dim); padding-left: 1rem; }
.verdict.agree { border-color: var(--holds); } .verdict.mismatch { border-color: var(--fails); }
.agree h1, .holds { color: var(--holds); } .mismatch h1, .fails { color: var(--fails); }
.not-run, .dim, small, figcaption { color: var(--dim); }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .75rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem 1.25rem .25rem 0; text-align: left;
  vertical-align: top; }
th { color: var(--dim); font-weight: 600; } td.number, th.number { text-align: right;
  font-variant-numeric: tabular-nums; } td.unclaimed { opacity: .7; }
.mark { font-weight: 700; padding-right: .35em; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: .35rem; overflow-x: auto;
  padding: .5rem .75rem; }
details { border: 1px solid var(--line); border-radius: .4rem; padding: .6rem 1rem; margin: .75rem 0; }
details[open] { background: var(--soft); } details[open] pre { background: var(--ground); }
summary { cursor: pointer; font-weight: 600; } dl { display: grid; grid-template-columns: 7rem 1fr;
  gap: .35rem 1rem; margin: .75rem 0; } dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 1rem 0; } .lanes { display: grid; grid-template-columns: 11rem 1fr; gap: .4rem 1rem;
  align-items: center; margin-top: .4rem; } .name small { display: block; }
.lane svg { width: 100%; height: 1.6rem; display: block; background: var(--ground);
  outline: 1px solid var(--line); }
.right { fill: var(--right); } .missing { fill: var(--missing); } .surplus { fill: var(--surplus); }
.slots { fill: var(--slots); }
.key { margin-right: 1.25rem; white-space: nowrap; } .key svg { width: .8em; height: .8em;
  margin-right: .4em; }
.bar { display: inline-block; width: 9rem; height: .7rem; background: var(--soft); }
.bar span { display: block; height: 100%; background: var(--right); }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(28rem, 1fr)); gap: 0 2.5rem; }
@media (max-width: 40rem) { .columns, .lanes, dl { grid-template-columns: 1fr; } .bar { width: 5rem; } }
@media print { details { break-inside: avoid; } }
"""
