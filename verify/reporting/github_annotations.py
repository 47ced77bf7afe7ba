"""Lines that GitHub Actions shows beside the change that it runs for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..targets.target import Place
from .campaign_view import CampaignView
from .run_facts import RunFacts, below

RUNNING = "GITHUB_ACTIONS"  # the variable that is "true" there
WORKSPACE = "GITHUB_WORKSPACE"  # that of the folder of the repository
# What a workflow command must not hold as it is; in a property, colons and commas too.
ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
ESCAPES_OF_PROPERTIES = {**ESCAPES, ":": "%3A", ",": "%2C"}


def escaped(text: str, escapes: dict[str, str] = ESCAPES) -> str:
    """Text as it may stand in a workflow command."""
    return "".join(escapes.get(letter, letter) for letter in text)


def lines_of(view: CampaignView, facts: RunFacts) -> Iterator[str]:
    """An error for each claimed promise that is broken, at the line of its target where that is a file of
    the repository, or a warning where the campaign is incomplete."""
    for story in view.stories(claimed_only=True):
        where = _where(facts.places.get(story.target))
        message = "\n".join(story.lines())
        yield f"::error {where}title={_property(story.title)}::{escaped(message)}"
    if view.why:
        yield f"::warning title=top-k verified in part::{escaped(view.why)}"


def _where(place: Place | None) -> str:
    """The properties file and line; none for a file outside of the repository."""
    if place is None:
        return ""
    file = below(Path(os.environ.get(WORKSPACE) or Path.cwd()), place.file)
    return "" if Path(file).is_absolute() else f"file={_property(file)},line={place.line},"


def _property(text: str) -> str:
    return escaped(text, ESCAPES_OF_PROPERTIES)


def wanted() -> bool:
    """Whether this process runs in GitHub Actions."""
    return os.environ.get(RUNNING) == "true"
