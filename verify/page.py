"""The result as one self-contained HTML page: no network, light and dark, every failure's story."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .coverage import PATH_NAMES
from .examination import Subject
from .outcome import Outcome, PropertyOutcome, TargetOutcome
from .properties import TRACE_AGREEMENT, promise_of
from .replay import DamagedFile, load

PAGE = "index.html"
PICTURE_CELLS = 128  # columns of the picture of a row; longer rows put several columns into a cell

STYLE = """
:root { color-scheme: light dark; --line: #8884; --holds: #187a3c; --fails: #c0262d; --dim: #767676; }
@media (prefers-color-scheme: dark) { :root { --holds: #5bd08a; --fails: #ff7b7f; --dim: #9a9a9a; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .75rem .25rem 0; text-align: left; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.holds, .agree { color: var(--holds); } .fails, .mismatch { color: var(--fails); }
.not-run, .nothing-verified { color: var(--dim); }
code, pre { font: 14px/1.4 ui-monospace, monospace; } pre { overflow-x: auto; }
details { border: 1px solid var(--line); border-radius: .4rem; padding: .5rem 1rem; margin: .75rem 0; }
summary { cursor: pointer; font-weight: 600; } svg { width: 100%; height: 2.5rem; display: block; }
.expected { fill: #4a90d9; } .missing { fill: var(--fails); } .other { fill: var(--line); }
"""


def _text(value: object) -> str:
    return html.escape(str(value))


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(item: PropertyOutcome | None) -> str:
    if item is None:
        return "<td></td>"
    counts = f"{item.failures} of {item.cases} cases" if item.failures else f"{item.cases} cases"
    told = item.lacking or "not run" if item.verdict == "not-run" else f"{item.verdict}, {counts}"
    claim = "" if item.claimed else " <small>(not claimed)</small>"
    return f'<td class="{item.verdict}">{_text(told)}{claim}</td>'


def _conformance(targets: list[TargetOutcome]) -> str:
    names = dict.fromkeys(name for target in targets for name in target.properties)
    rows = (
        [
            f'<td title="{_text(promise_of(name))}">{_text(name)}</td>',
            *(_cell(target.properties.get(name)) for target in targets),
        ]
        for name in names
        if name != TRACE_AGREEMENT.name or any(t.properties.get(name) for t in targets if t.own)
    )
    return _table(["property", *(target.name for target in targets)], rows)


def _counts(title: str, counts: Iterable[tuple[str, int, int]]) -> str:
    rows = (
        [f"<td>{_text(name)}</td>", f'<td class="number">{rows}</td>', f'<td class="number">{cases}</td>']
        for name, rows, cases in counts
    )
    return f"<h2>{_text(title)}</h2>" + _table(["", "rows", "cases"], rows)


def _picture(replay: Path) -> str:
    """Where the contract's columns lie in the first row of the failing case, as a strip."""
    try:
        case = load(replay).case
    except (OSError, DamagedFile):
        return ""
    n = int(case.clamped[0]) if case.rows else 0
    if not n:
        return ""
    right = Subject(case).expected.columns[0]
    cells = min(n, PICTURE_CELLS)
    share, _ = np.histogram(right[right >= 0], bins=cells, range=(0, n))
    most = max(1, int(share.max()))
    bars = "".join(
        f'<rect class="{"expected" if count else "other"}" x="{place}" width="0.9" '
        f'y="{1 - max(count / most, 0.08):.3f}" height="{max(count / most, 0.08):.3f}"/>'
        for place, count in enumerate(share.tolist())
    )
    return (
        f'<svg viewBox="0 0 {cells} 1" preserveAspectRatio="none" role="img" '
        f'aria-label="columns of row 0 that the contract selects">{bars}</svg>'
        f"<small>Row 0, {n} columns from left to right: where the contract's choice lies.</small>"
    )


def _story(target: TargetOutcome, name: str, item: PropertyOutcome) -> str:
    stage = ""
    if item.difference is not None:
        stage = (
            f"<p>First stage that differs: {_text(item.difference.path)}, {_text(item.difference.stage)}.</p>"
        )
    return (
        f"<details><summary>{_text(target.name)} breaks {_text(name)}"
        f"{'' if item.claimed else ' (not claimed)'}</summary>"
        f"<p>Promised: {_text(promise_of(name))}.</p><p>Found: {_text(item.summary)}</p>{stage}"
        f"<p>Smallest case: {_text(item.story)}</p>"
        f"{_picture(item.replay) if item.replay else ''}"
        f"<pre>persistent-topk replay {_text(item.replay)}</pre></details>"
    )


def page(outcome: Outcome) -> str:
    """The whole page."""
    targets = list(outcome.targets.values())
    cover = outcome.coverage
    stories = [
        _story(target, name, item)
        for target in targets
        for name, item in sorted(target.properties.items(), key=lambda pair: not pair[1].claimed)
        if item.failures
    ]
    why = f" ({outcome.why_nothing()})" if outcome.verdict == "nothing-verified" else ""
    missing = "".join(
        f"<p>{_text(name)} was not run: {_text(told)}</p>" for name, told in outcome.unavailable.items()
    )
    boundaries = sorted(cover.boundaries.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>top-k: {outcome.verdict}</title><style>{STYLE}</style>'
        f'<h1 class="{outcome.verdict}">{outcome.verdict}{_text(why)}</h1>'
        f"<p>{cover.rows} rows in {cover.cases} cases, {outcome.seconds:.1f} s, seed {outcome.seed}.</p>"
        f"{missing}<h2>Conformance</h2>{_conformance(targets)}"
        f"{'<h2>Broken promises</h2>' if stories else ''}{''.join(stories)}"
        + _counts("Rows by path", ((n, cover.paths[n], cover.path_cases[n]) for n in PATH_NAMES))
        + _counts("Rows at the boundaries", ((n, count, cover.boundary_cases[n]) for n, count in boundaries))
        + "<h2>Cases by family</h2>"
        + _table(
            ["family", "cases"],
            ([f"<td>{_text(n)}</td>", f'<td class="number">{c}</td>'] for n, c in cover.families.items()),
        )
        + "</html>\n"
    )


def write_page(outcome: Outcome, folder: Path) -> Path:
    """Writes the page into `folder` and returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PAGE
    path.write_text(page(outcome), encoding="utf-8")
    return path
