"""The campaigns of one pytest session: one a target, whichever of its processes asks first."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest

from ..verify.settings import LIMIT_OPTIONS, check_seconds, parse_ks

COMMIT_VARIABLES = ("GITHUB_SHA", "CI_COMMIT_SHA")  # where continuous integration tells the commit
SHARED = "topk_shared"  # what pytest-xdist's controller hands to its workers under this name: a folder

Found = dict[str, Any]  # {"unavailable": why, or None, "properties": {promise: its verdict and story}}


def seed_of(config: pytest.Config) -> int:
    """The seed on the command line, or one that follows the commit: the same for every run of it."""
    chosen: int | None = config.getoption("--topk-seed")
    if chosen is not None:
        return chosen
    commit = next((os.environ[name] for name in COMMIT_VARIABLES if os.environ.get(name)), "")
    return zlib.crc32(commit.encode()) if commit else 0


class Gate:
    """What a session's options ask of each target, answered once."""

    def __init__(self, config: pytest.Config) -> None:
        self.seed = seed_of(config)
        self._config = config
        shared = getattr(config, "workerinput", {}).get(SHARED)
        self._folder = None if shared is None else Path(shared)
        self._found: dict[str, Found] = {}

    def found_of(self, name: str) -> Found:
        """What the campaign against a target found, or why it cannot run here."""
        if name not in self._found:
            self._found[name] = self._examined(name) if self._folder is None else self._shared(name)
        return self._found[name]

    def _shared(self, name: str) -> Found:
        """The result that another worker left, or this one's: workers wait for each other's campaigns."""
        from filelock import FileLock

        from ..whole_file import write_whole

        assert self._folder is not None
        file = self._folder / f"{zlib.crc32(name.encode()):08x}.json"
        with FileLock(file.with_suffix(".lock")):
            if not file.exists():
                write_whole(file, json.dumps(self._examined(name)))
            found: Found = json.loads(file.read_text())
        return found

    def _examined(self, name: str) -> Found:
        from ..verify.campaign.campaign import Campaign, Options
        from ..verify.targets import FirstCalls, TargetUnavailable, resolve
        from ..verify.targets.limits import limits_of

        option = self._config.getoption
        first_calls = FirstCalls(patience=option("--topk-patience"))
        limits = limits_of(limits_on(self._config))
        try:
            target = resolve(name, claims_of(self._config), option("--topk-device"), limits, first_calls)
            target.prepare()
        except TargetUnavailable as error:
            return {"unavailable": str(error), "properties": {}}
        options = Options(
            seed=self.seed,
            ks=ks_of(self._config) or target.ks or (),
            seconds=option("--topk-seconds"),
            failures=Path(option("--topk-failures")),
        )
        try:
            outcome = Campaign([target], options).run()
        finally:
            target.close()
        if outcome.interrupted:
            raise KeyboardInterrupt
        return _document(outcome.targets[name])


def _document(found: Any) -> Found:
    """What the items tell of a TargetOutcome."""
    from ..verify.reporting.story import story_of

    refused = f"it does not take {found.refused} cases: {found.refusal}" if found.refused else ""
    return {
        "unavailable": None,
        "unfinished": found.unfinished or refused,
        "properties": {
            promise: {
                "verdict": item.verdict,
                "claimed": item.claimed,
                "lacking": item.lacking,
                "story": story_of(found.name, promise, item).lines(),
            }
            for promise, item in found.properties.items()
        },
    }


def limits_on(config: pytest.Config) -> dict[str, Any]:
    """The limits that the command line states, by their names."""
    return {item.name: config.getoption(item.in_pytest) for item in LIMIT_OPTIONS}


def claims_of(config: pytest.Config) -> frozenset[str] | None:
    """The claims that the command line names, or None for each target's own."""
    from ..verify.properties import parse_claim

    text = config.getoption("--topk-claim")
    try:
        return None if text is None else parse_claim(text)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error


def ks_of(config: pytest.Config) -> tuple[int, ...]:
    """The values of k that the command line names, none where each target's own count."""
    try:
        return parse_ks(config.getoption("--topk-k"))
    except ValueError as error:
        raise pytest.UsageError(f"--topk-k is {error}") from error


def check_options(config: pytest.Config) -> None:
    """pytest.UsageError for an option whose value cannot be: before the first test, not in it."""
    claims_of(config)
    ks_of(config)
    for option in ("--topk-seconds", "--topk-patience"):
        try:
            check_seconds(config.getoption(option))
        except ValueError as error:
            raise pytest.UsageError(f"{option} is {error}") from error
    seed = config.getoption("--topk-seed")
    if seed is not None and seed < 0:
        raise pytest.UsageError(f"--topk-seed is {seed}; expected 0 or more")
    if any(value is not None for value in limits_on(config).values()):
        from ..verify.targets.limits import limits_of

        try:
            limits_of(limits_on(config))
        except ValueError as error:
            name, _, rest = str(error).partition(" ")
            raise pytest.UsageError(f"--topk-{name.replace('_', '-')} {rest}") from error
