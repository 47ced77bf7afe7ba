"""Lines that GitHub Actions shows beside the change that it runs for."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..campaign.outcome import Outcome

RUNNING = "GITHUB_ACTIONS"  # the variable that is "true" there
# What a workflow command must not hold as it is; in a property, colons and commas too.
ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
ESCAPES_OF_PROPERTIES = {**ESCAPES, ":": "%3A", ",": "%2C"}


def escaped(text: str, escapes: dict[str, str] = ESCAPES) -> str:
    """Text as it may stand in a workflow command."""
    return "".join(escapes.get(letter, letter) for letter in text)


def lines_of(outcome: Outcome) -> Iterator[str]:
    """An error for each claimed promise that is broken, or a warning where nothing was verified."""
    for target in outcome.targets.values():
        for name in target.failing():
            item = target.properties[name]
            title = escaped(f"{target.name} breaks {name}", ESCAPES_OF_PROPERTIES)
            told = f"{item.summary}\ncase: {item.story}\nreplay: persistent-topk replay {item.replay}"
            yield f"::error title={title}::{escaped(told)}"
    if outcome.verdict == "nothing-verified":
        yield f"::warning title=top-k not verified::{escaped(str(outcome.why_nothing()))}"


def wanted() -> bool:
    """Whether this process runs in GitHub Actions."""
    return os.environ.get(RUNNING) == "true"
