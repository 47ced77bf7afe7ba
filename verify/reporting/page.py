"""The result as one self-contained HTML page: no network, light and dark, every failure's story.

What it says is in page.html.jinja2, how it looks in page.css, what its buttons do in page.js.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ...whole_file import write_whole
from ..campaign.outcome import Outcome
from ..failures.replay import DamagedFile, load
from ..judging.judge import Expected
from ..judging.wrong_columns import right_columns
from .campaign_view import view_of
from .row_lanes import RowPicture, row_picture
from .run_facts import RunFacts
from .searched import searched_table
from .story import Story
from .value_picture import ValuePicture, value_picture
from .view import Tone

PAGE = "index.html"
TEMPLATE = "page.html.jinja2"
MARKS = {Tone.GOOD: "✓", Tone.BAD: "✗", Tone.DIM: "·"}
LEGEND = (
    ("right", "selected as promised"),
    ("missing", "missing"),
    ("surplus", "in their place"),
    ("slots", "slots that hold no column, or one twice"),
    ("others", "rightly not selected"),
)


class Pictures(NamedTuple):
    """Where the wrong columns of a failing row lie, and its values round the threshold."""

    row: RowPicture
    values: ValuePicture


def pictures_of(story: Story) -> Pictures | None:
    """Of the row of the failing case; None where its file does not show it."""
    wrong = story.wrong
    if wrong is None or story.file is None:
        return None
    try:
        case = load(story.file).case
    except (OSError, DamagedFile):
        return None
    if wrong.row >= case.rows or not wrong.n:
        return None
    right = right_columns(Expected.of(case), wrong.row).tolist()
    bits = case.bits()[wrong.row, : int(case.clamped[wrong.row])]
    return Pictures(row_picture(wrong, right), value_picture(bits, wrong, right))


def link_to(folder: Path, story: Story) -> str:
    """The replay file as the page in `folder` reaches it; "" where there is none."""
    return Path(os.path.relpath(story.file, folder)).as_posix() if story.file else ""


def page(outcome: Outcome, facts: RunFacts, folder: Path) -> str:
    """The whole page, for a file in `folder`."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template(TEMPLATE)
    return template.render(
        view=view_of(outcome),
        facts=facts,
        caption=facts.rows(outcome.seed),
        searched=searched_table(outcome, facts.limits),
        own=any(target.own for target in outcome.targets.values()),
        marks=MARKS,
        legend=LEGEND,
        pictures_of=pictures_of,
        link_to=partial(link_to, folder),
    )


def write_page(outcome: Outcome, folder: Path, facts: RunFacts) -> Path:
    """Writes the page into `folder` and returns its path."""
    path = folder / PAGE
    write_whole(path, page(outcome, facts, folder))
    return path
