"""The result as one self-contained HTML page: no network, light and dark, every failure's story.

What it says is in page.html.jinja2, how it looks in page.css.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ...whole_file import write_whole
from ..failures.replay import DamagedFile, load
from ..judging.judge import Expected
from ..judging.wrong_columns import right_columns
from .campaign_view import CampaignView
from .row_lanes import RowPicture, row_picture
from .run_facts import RunFacts
from .story import Story
from .view import Tone

PAGE = "index.html"
TEMPLATE = "page.html.jinja2"
MARKS = {Tone.GOOD: "✓", Tone.BAD: "✗", Tone.DIM: "·"}
LEGEND = (
    ("right", "selected as promised"),
    ("missing", "missing"),
    ("surplus", "in their place"),
    ("slots", "slots that hold no column, or one twice"),
)


def picture_of(story: Story) -> RowPicture | None:
    """Where the wrong columns lie in the row of the failing case; None where its file does not show it."""
    wrong = story.wrong
    if wrong is None or story.file is None:
        return None
    try:
        case = load(story.file).case
    except (OSError, DamagedFile):
        return None
    if wrong.row >= case.rows or not wrong.n:
        return None
    return row_picture(wrong, right_columns(Expected.of(case), wrong.row).tolist())


def page(view: CampaignView, facts: RunFacts, seed: int) -> str:
    """The whole page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template(TEMPLATE)
    return template.render(view=view, marks=MARKS, legend=LEGEND, picture_of=picture_of)


def write_page(view: CampaignView, folder: Path, facts: RunFacts, seed: int) -> Path:
    """Writes the page into `folder` and returns its path."""
    path = folder / PAGE
    write_whole(path, page(view, facts, seed))
    return path
