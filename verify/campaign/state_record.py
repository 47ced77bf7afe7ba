"""What a campaign found, as a document that another run reads back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ..judging.trace_difference import TraceDifference
from ..judging.wrong_columns import WrongColumns
from .coverage import Coverage
from .outcome import Outcome, PropertyOutcome, TargetOutcome

Document = dict[str, Any]
COUNTS = ("cases", "rows", "failures")
WORDS = ("summary", "story")
LATER_WORDS = ("cause", "again")  # which files of earlier versions lack


def document_of(outcome: Outcome) -> Document:
    """All that the outcome counts and tells; replay files by their names alone."""
    return {
        "seconds": outcome.seconds,
        "coverage": {item.name: getattr(outcome.coverage, item.name) for item in fields(Coverage)},
        "targets": {name: _target(target) for name, target in outcome.targets.items()},
    }


def _target(target: TargetOutcome) -> Document:
    return {
        "refused": target.refused,
        "refusal": target.refusal,
        "asked": target.asked,
        "properties": {name: _property(item) for name, item in target.properties.items()},
    }


def _property(item: PropertyOutcome) -> Document:
    return {
        **{name: getattr(item, name) for name in (*COUNTS, *WORDS, *LATER_WORDS)},
        "replay": None if item.replay is None else item.replay.name,
        "difference": None if item.difference is None else asdict(item.difference),
        "wrong": None if item.wrong is None else asdict(item.wrong),
    }


def restore(document: Mapping[str, Any], outcome: Outcome, folder: Path) -> None:
    """Fills a fresh outcome in with what the document counts; replay files lie in `folder`.

    Raises KeyError, TypeError or ValueError where the document is of another shape.
    """
    outcome.seconds = float(document["seconds"])
    for kept in fields(Coverage):
        if kept.name not in document["coverage"]:
            continue  # an earlier version counted less
        known = document["coverage"][kept.name]
        is_counter = isinstance(getattr(outcome.coverage, kept.name), Counter)
        setattr(outcome.coverage, kept.name, Counter(known) if is_counter else _count(known))
    for name, target in outcome.targets.items():
        told = document["targets"][name]
        target.refused, target.refusal = _count(told["refused"]), str(told["refusal"])
        target.asked = Counter({name: _count(cases) for name, cases in told.get("asked", {}).items()})
        for promise, item in target.properties.items():
            _restore_property(told["properties"][promise], item, folder)


def _restore_property(told: Mapping[str, Any], item: PropertyOutcome, folder: Path) -> None:
    for name in COUNTS:
        setattr(item, name, _count(told[name]))
    for name in WORDS:
        setattr(item, name, str(told[name]))
    for name in LATER_WORDS:
        setattr(item, name, str(told.get(name, "")))
    if told["replay"] is not None:
        item.replay = folder / Path(told["replay"]).name
    if told["difference"] is not None:
        item.difference = TraceDifference(**told["difference"])
    if told["wrong"] is not None:
        lists = {name: tuple(value) for name, value in told["wrong"].items() if isinstance(value, list)}
        item.wrong = WrongColumns(**{**told["wrong"], **lists})


def _count(number: object) -> int:
    if not isinstance(number, int) or number < 0:
        raise ValueError(f"{number!r} is no count")
    return number
