"""Bursts of a search by Hypothesis over recipes of cases: drawn, steered, and shrunk where one fails."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings, target
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from ..cases.case import Case

Promise = tuple[str, str]  # a target's name and a property's
Put = Callable[[Case, bool], tuple[Collection[Promise], dict[str, float]]]


MOST_REPLAYED = 20  # failing recipes of earlier runs


class Broken(AssertionError):
    """Tells Hypothesis that a case fails, so that it shrinks it."""


class _Enough(KeyboardInterrupt):
    """Ends a burst from within: nothing that Hypothesis would take for a failure and keep."""


class RecipeSearch:
    """strategy: of cases. put: puts a case to the targets (told whether it is shrinking one) and returns
    the claimed promises that it broke, and what to steer by. database: the folder of failing recipes."""

    def __init__(self, strategy: SearchStrategy[Case], put: Put, database: Path | None = None) -> None:
        self._strategy = strategy
        self._put = put
        self._database = None if database is None else DirectoryBasedExampleDatabase(database)
        # Hypothesis keeps some files of its own, by default in the working directory.
        self._home = tempfile.TemporaryDirectory(prefix="topk-recipes-")
        set_hypothesis_home_dir(self._home.name)

    def close(self) -> None:
        """Removes what Hypothesis kept."""
        set_hypothesis_home_dir(None)
        self._home.cleanup()

    def replay(self, is_over: Callable[[], bool]) -> None:
        """Puts the recipes that failed before, if there is a database."""
        if self._database is not None:
            self._search(0, MOST_REPLAYED, frozenset(), is_over, (Phase.reuse, Phase.generate))

    def burst(
        self, number: int, examples: int, known: Collection[Promise], is_over: Callable[[], bool]
    ) -> None:
        """Draws up to `examples` cases from seed `number`. One that breaks a promise not yet `known` is
        shrunk. Ends early when `is_over` says so."""
        self._search(
            number, examples, frozenset(known), is_over, (Phase.generate, Phase.target, Phase.shrink)
        )

    def _search(
        self,
        number: int,
        examples: int,
        known: frozenset[Promise],
        is_over: Callable[[], bool],
        phases: tuple[Phase, ...],
    ) -> None:
        followed: list[Promise] = []
        trouble: list[BaseException] = []

        @settings(  # outside of @seed, which would take the database away
            max_examples=examples,
            phases=phases,
            database=self._database,
            deadline=None,
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        )
        @seed(number)
        @given(self._strategy)
        def recipe(case: Case) -> None:
            if is_over():
                raise _Enough
            try:
                broken, steer_by = self._put(case, bool(followed))
            except BaseException as error:  # an interrupt, or the caller's own way to end
                trouble.append(error)
                raise _Enough from error
            if not followed:
                followed.extend(sorted(set(broken) - known)[:1])
            if followed and followed[0] in broken:
                raise Broken(*followed[0])
            for label, value in steer_by.items():
                target(value, label=label)

        # Flaky: a target that fails now and then; its failure was told when it was seen.
        with suppress(Broken, Flaky, _Enough):
            recipe()
        if trouble:
            raise trouble[0]
