"""The colours and shapes that all pages share: light and dark by the reader's own choice, and on paper."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c2330; --quiet: #5b6575; --line: #d9dee6;
  --card: #f6f8fb; --good: #1a7f4b; --bad: #b3261e; --warn: #8a6100; --phase: #3b6fb6; --gap: #c4453a; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161d; --ink: #e6eaf1; --quiet: #9aa6b8;
  --line: #2d3644; --card: #1a202a; --good: #4fc487; --bad: #ff8a80; --warn: #e0b252; --phase: #6d9fe6;
  --gap: #f07a6f; } }
@media print { :root { --paper: #ffffff; --ink: #000000; --quiet: #444444; --line: #bbbbbb; --card: #ffffff;
  --good: #0b5c33; --bad: #8c1109; --warn: #6b4a00; --phase: #3b6fb6; --gap: #c4453a; }
  section { break-inside: avoid; } body { margin: 0; } }
* { box-sizing: border-box; }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 940px; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .35rem 0; } .quiet { color: var(--quiet); }
.verdict { display: inline-block; border: 2px solid; border-radius: 6px; font-weight: 700; padding: .1rem .7rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
table { border-collapse: collapse; width: 100%; } th, td { border-bottom: 1px solid var(--line); padding: .3rem .5rem;
  text-align: left; vertical-align: top; } th { color: var(--quiet); font-weight: 600; }
td.number { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
th.number { text-align: right; }
.events td { white-space: nowrap; } .events td:last-child { white-space: normal; width: 100%; }
.cards { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); margin: .75rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; }
.card b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
"""
