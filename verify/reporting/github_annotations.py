"""Lines that GitHub Actions shows beside the change that it runs for."""

from __future__ import annotations

import os
from collections.abc import Iterator

from .campaign_view import CampaignView

RUNNING = "GITHUB_ACTIONS"  # the variable that is "true" there
# What a workflow command must not hold as it is; in a property, colons and commas too.
ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
ESCAPES_OF_PROPERTIES = {**ESCAPES, ":": "%3A", ",": "%2C"}


def escaped(text: str, escapes: dict[str, str] = ESCAPES) -> str:
    """Text as it may stand in a workflow command."""
    return "".join(escapes.get(letter, letter) for letter in text)


def lines_of(view: CampaignView) -> Iterator[str]:
    """An error for each claimed promise that is broken, or a warning where the campaign is incomplete."""
    for story in view.stories(claimed_only=True):
        title = escaped(story.title, ESCAPES_OF_PROPERTIES)
        message = "\n".join(story.lines())
        yield f"::error title={title}::{escaped(message)}"
    if view.why:
        yield f"::warning title=top-k verified in part::{escaped(view.why)}"


def wanted() -> bool:
    """Whether this process runs in GitHub Actions."""
    return os.environ.get(RUNNING) == "true"
