"""The result as one self-contained HTML page: no network, light and dark, every failure's story."""

from __future__ import annotations

import html
import shlex
from collections.abc import Iterable
from pathlib import Path

from ...whole_file import write_whole
from ..campaign.coverage import Coverage
from ..campaign.outcome import Outcome, PropertyOutcome, TargetOutcome
from ..cases.families import FAMILIES
from ..failures.replay import DamagedFile, load
from ..judging.examination import Subject
from ..properties import TRACE_AGREEMENT, promise_of
from .page_pictures import bar, legend, picture
from .page_style import STYLE

PAGE = "index.html"
MARKS = {"holds": "✓", "fails": "✗", "not-run": "·"}
LANES = (
    ("right", "selected as promised"),
    ("missing", "missing"),
    ("surplus", "in their place"),
    ("slots", "slots that hold no column, or one twice"),
)
OTHER_FAMILIES = {"recipe": "Recipes that Hypothesis draws", "captured": "Captured scores"}


def _text(value: object) -> str:
    return html.escape(str(value))


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]], numbers: Iterable[int] = ()) -> str:
    """numbers: places of the columns that hold counts."""
    places = set(numbers)
    head = "".join(
        f"<th{' class=number' if place in places else ''}>{_text(name)}</th>"
        for place, name in enumerate(heads)
    )
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(item: PropertyOutcome | None) -> str:
    if item is None:
        return "<td></td>"
    counts = f"{item.failures} of {item.cases} cases" if item.failures else f"{item.cases} cases"
    told = item.lacking or "not run" if item.verdict == "not-run" else f"{item.verdict}, {counts}"
    claim = "" if item.claimed else " <small>(not claimed)</small>"
    mark = f'<span class="mark" aria-hidden="true">{MARKS[item.verdict]}</span>'
    kind = item.verdict + ("" if item.claimed else " unclaimed")
    return f'<td class="{kind}">{mark}{_text(told)}{claim}</td>'


def _conformance(targets: list[TargetOutcome]) -> str:
    names = dict.fromkeys(name for target in targets for name in target.properties)
    rows = (
        [
            f"<td>{_text(name)}<br><small>{_text(promise_of(name))}</small></td>",
            *(_cell(target.properties.get(name)) for target in targets),
        ]
        for name in names
        if name != TRACE_AGREEMENT.name or any(t.properties.get(name) for t in targets if t.own)
    )
    return _table(["property", *(target.name for target in targets)], rows)


def _number(count: int) -> str:
    return f'<td class="number">{count}</td>'


def _paths(cover: Coverage) -> str:
    most = max(cover.paths.values(), default=1)
    rows = (
        [
            f"<td>{_text(name)}</td>", _number(cover.paths[name]), _number(cover.path_cases[name]),
            _number(cover.shipped_paths[name]), f"<td>{bar(cover.paths[name], most)}</td>",
        ]
        for name in cover.told_paths()
    )  # fmt: skip
    heads = ["path", "rows", "cases", "shipped policy", ""]
    return f"<section><h2>Rows by path</h2>{_table(heads, rows, (1, 2, 3))}</section>"


def _boundaries(cover: Coverage) -> str:
    """Rows one before, at and one after each boundary."""
    names = sorted({name.removesuffix("-1").removesuffix("+1") for name in cover.boundaries})
    rows = (
        [
            f"<td>{_text(name)}</td>",
            *(_number(cover.boundaries[f"{name}{delta}"]) for delta in ("-1", "", "+1")),
        ]
        for name in names
    )
    table = _table(["boundary", "one less", "at", "one more"], rows, (1, 2, 3))
    return f"<section><h2>Rows at the boundaries</h2>{table}</section>"


def _families(cover: Coverage) -> str:
    """Cases by family, and the families that had none."""
    summaries = {**{name: kind.summary for name, kind in FAMILIES.items()}, **OTHER_FAMILIES}
    most = max(cover.families.values(), default=1)
    rows = (
        [
            f"<td>{_text(name)}<br><small>{_text(summaries.get(name, ''))}</small></td>",
            _number(count), f"<td>{bar(count, most)}</td>",
        ]
        for name, count in cover.families.most_common()
    )  # fmt: skip
    without = [name for name in FAMILIES if not cover.families[name]]
    told = f"<p>No case of: {_text(', '.join(without))}.</p>" if without else ""
    table = _table(["family", "cases", ""], rows, (1,))
    return f"<section><h2>Cases by family</h2>{table}{told}</section>"


def _picture(item: PropertyOutcome) -> str:
    """Where the wrong columns lie in the row of the failing case."""
    if item.wrong is None or item.replay is None:
        return ""
    try:
        case = load(item.replay).case
    except (OSError, DamagedFile):
        return ""
    if item.wrong.row >= case.rows or not item.wrong.n:
        return ""
    right = Subject(case).expected.columns[item.wrong.row]
    return picture(item.wrong, right[right >= 0].tolist())


def _replay_command(path: Path) -> str:
    return f"persistent-topk replay {shlex.quote(str(path))}"


def _story(target: TargetOutcome, name: str, item: PropertyOutcome, unfolded: bool) -> str:
    told = [
        ("promised", promise_of(name)),
        ("found", item.summary),
        ("smallest case", item.story),
        ("how often", f"{item.failures} of {item.cases} cases that judge it"),
    ]
    if item.difference is not None:
        told.insert(2, ("first stage", f"{item.difference.path}, {item.difference.stage}"))
    words = "".join(f"<dt>{_text(head)}</dt><dd>{_text(text)}</dd>" for head, text in told)
    again = f"<pre>{_text(_replay_command(item.replay))}</pre>" if item.replay else ""
    return (
        f"<details{' open' if unfolded else ''}><summary>{_text(target.name)} breaks {_text(name)}"
        f"{'' if item.claimed else ' (not claimed)'}</summary>"
        f"<dl>{words}</dl>{_picture(item)}{again}</details>"
    )


def _stories(targets: list[TargetOutcome]) -> str:
    broken = [
        (target, name, item)
        for target in targets
        for name, item in sorted(target.properties.items(), key=lambda pair: not pair[1].claimed)
        if item.failures
    ]
    if not broken:
        return ""
    stories = [_story(*told, unfolded=place == 0) for place, told in enumerate(broken)]
    return (
        f"<h2>Broken promises</h2><p>{legend(LANES)}</p>{''.join(stories)}"
        "<h2>To replay a failure</h2><p>Each file holds the bytes of one call, its layout and the schedule; "
        "no code, so a stranger's file is safe to open. The command exits with 1 while the promise is broken "
        "and with 0 once it holds; <code>--target module:function</code> puts the same case to something "
        "else. Paths are those of the run, from its working directory.</p>"
    )


def page(outcome: Outcome) -> str:
    """The whole page."""
    targets = list(outcome.targets.values())
    cover = outcome.coverage
    why = f" ({outcome.why_nothing()})" if outcome.verdict == "nothing-verified" else ""
    missing = "".join(
        f"<p>{_text(name)} was not run: {_text(told)}</p>" for name, told in outcome.unavailable.items()
    )
    refused = "".join(
        f"<p>{_text(target.name)} does not take {target.refused} cases: {_text(target.refusal)}</p>"
        for target in targets
        if target.refused
    ) + "".join(f"<p>{_text(target.name)}: {_text(note)}</p>" for target in targets for note in target.notes)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>top-k: {outcome.verdict}</title><style>{STYLE}</style>'
        f'</head><body><div class="verdict {outcome.verdict}"><h1>{outcome.verdict}{_text(why)}</h1>'
        f"<p>{cover.rows} rows in {cover.cases} cases, {cover.long_rows} rows over 16384 columns, "
        f"{outcome.seconds:.1f} s, seed {outcome.seed}{', interrupted' if outcome.interrupted else ''}.</p>"
        f"</div>{missing}{refused}<h2>Conformance</h2>{_conformance(targets)}{_stories(targets)}"
        f'<div class="columns">{_paths(cover)}{_boundaries(cover)}</div>{_families(cover)}</body></html>\n'
    )


def write_page(outcome: Outcome, folder: Path) -> Path:
    """Writes the page into `folder` and returns its path."""
    path = folder / PAGE
    write_whole(path, page(outcome))
    return path
