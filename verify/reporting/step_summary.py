"""What GitHub Actions shows on a run's own page, as Markdown: verdict, conformance, each story."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator
from pathlib import Path

from .campaign_view import CampaignView
from .markdown import markdown_lines
from .run_facts import RunFacts
from .story import Story

FILE = "GITHUB_STEP_SUMMARY"  # the variable that names the file which is shown
FENCE = "~~~~"


def summary_lines(view: CampaignView, facts: RunFacts, seed: int) -> Iterator[str]:
    """The summary's lines. Text of targets is fenced or escaped: it is shown as it is."""
    yield f"## top-k: {view.verdict}"
    yield ""
    yield view.sums + (", interrupted" if view.interrupted else "")
    if view.why:
        yield from ("", f"Not judged: {html.escape(view.why)}")
    yield ""
    yield from map(html.escape, markdown_lines(view.conformance))
    for story in view.stories(claimed_only=True):
        yield from _story(story)
    yield ""
    yield from _folded("how to run it again", [facts.command, *(": ".join(row) for row in facts.rows(seed))])


def _story(story: Story) -> Iterator[str]:
    yield ""
    yield from _folded(story.title, story.lines())


def _folded(title: str, lines: list[str]) -> Iterator[str]:
    yield f"<details><summary>{html.escape(title)}</summary>"
    yield ""
    yield FENCE
    yield from (line.replace(FENCE, "~ ~") for line in lines)
    yield FENCE
    yield ""
    yield "</details>"


def write_summary(view: CampaignView, facts: RunFacts, seed: int) -> None:
    """Adds the summary to the file that GitHub Actions shows, where there is one. Raises OSError."""
    file = os.environ.get(FILE)
    if file:
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write("\n".join(summary_lines(view, facts, seed)) + "\n")
