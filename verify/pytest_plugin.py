"""A gate for test suites: `pytest --topk-target my.module:topk` adds one test a property.

A report then shows which promise broke, not only that one did. Registered under the entry point
pytest11; without --topk-target it does nothing.
"""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .settings import check_seconds, parse_ks

DEFAULT_SECONDS = 20.0
SHARED = "topk_shared"  # of a worker's input: the folder where workers of pytest-xdist share outcomes
FOLDER = pytest.StashKey[str]()  # the same, in the process that started them
COMMIT_VARIABLES = ("GITHUB_SHA", "CI_COMMIT_SHA")  # where continuous integration tells the commit


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options; `pytest --help` shows them."""
    group = parser.getgroup("topk", "persistent-topk: differential tests of a top-k")
    group.addoption(
        "--topk-target", action="append", default=[], metavar="T", help="module:function or adapter"
    )
    group.addoption("--topk-claim", default=None, help="contract, set, or a list of properties")
    group.addoption("--topk-device", default="cpu", help="where module:function is given its tensors [cpu]")
    group.addoption("--topk-k", default=None, metavar="K,...", help="values of k [the target's, or many]")
    group.addoption("--topk-seconds", type=float, default=DEFAULT_SECONDS, help="time budget [20]")
    group.addoption("--topk-seed", type=int, default=None, help="seed [from the commit where CI tells it]")
    group.addoption("--topk-failures", default="topk-failures", help="folder for replay files")


def seed_of_commit() -> int:
    """A seed that changes with the commit and is the same for every run of it; 0 outside of CI."""
    commit = next((os.environ[name] for name in COMMIT_VARIABLES if os.environ.get(name)), "")
    return zlib.crc32(commit.encode()) if commit else 0


class Gate:
    """The campaign of one session, run when its first test needs it: once for all workers of pytest-xdist."""

    def __init__(self, config: pytest.Config) -> None:
        chosen = config.getoption("--topk-seed")
        self.seed: int = seed_of_commit() if chosen is None else chosen
        self._config = config
        self._outcomes: dict[str, Any] = {}

    def outcome_of(self, name: str) -> Any:
        """The TargetOutcome of a target; TargetUnavailable if it cannot run here."""
        from .targets import TargetUnavailable

        if name not in self._outcomes:
            self._outcomes[name] = self._shared_outcome(name)
        if isinstance(self._outcomes[name], TargetUnavailable):
            raise self._outcomes[name]
        return self._outcomes[name]

    def _shared_outcome(self, name: str) -> object:
        """The outcome, from whichever worker had it first. They are our own, so pickle may carry it."""
        folder = getattr(self._config, "workerinput", {}).get(SHARED)
        if folder is None:
            return self._examined(name)
        from filelock import FileLock

        kept = Path(folder) / f"{zlib.crc32(name.encode()):08x}"
        with FileLock(f"{kept}.lock"):
            if not kept.exists():
                kept.write_bytes(pickle.dumps(self._examined(name)))
            return pickle.loads(kept.read_bytes())

    def _examined(self, name: str) -> object:
        """The TargetOutcome of a campaign, or the TargetUnavailable that there is none."""
        from .targets import TargetUnavailable

        try:
            return self._campaign(name)
        except TargetUnavailable as error:
            return error

    def _campaign(self, name: str) -> object:
        from .campaign.campaign import Campaign, Options
        from .targets import resolve

        target = resolve(name, claims_of(self._config), self._config.getoption("--topk-device"))
        target.prepare()
        options = Options(
            seed=self.seed,
            ks=ks_of(self._config) or target.ks or (),
            seconds=self._config.getoption("--topk-seconds"),
            failures=Path(self._config.getoption("--topk-failures")),
        )
        try:
            return Campaign([target], options).run().targets[name]
        finally:
            target.close()


def claims_of(config: pytest.Config) -> frozenset[str] | None:
    """The claims that the command line names, or None for each target's own."""
    from .properties import parse_claim

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


def check_budget(config: pytest.Config) -> None:
    """pytest.UsageError for a time that is none, or a seed under 0."""
    seconds, seed = config.getoption("--topk-seconds"), config.getoption("--topk-seed")
    try:
        check_seconds(seconds)
    except ValueError as error:
        raise pytest.UsageError(f"--topk-seconds is {error}") from error
    if seed is not None and seed < 0:
        raise pytest.UsageError(f"--topk-seed is {seed}; expected 0 or more")


class PropertyItem(pytest.Item):
    """One promise of one target."""

    def __init__(self, *, target: str, promise: str, gate: Gate, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self.target, self.promise, self.gate = target, promise, gate

    def runtest(self) -> None:
        item = self.gate.outcome_of(self.target).properties[self.promise]
        if item.verdict == "fails" and item.claimed:
            from .reporting.story import story_of

            raise BrokenPromise("\n".join(story_of(self.target, self.promise, item).lines()))
        if not item.claimed:
            pytest.skip(f"not claimed, {item.verdict}")
        if item.verdict == "not-run":
            if item.lacking:
                pytest.skip(item.lacking)
            raise NeverJudged("claimed, but no case judged it; give --topk-seconds more")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        seed = f"(seed {self.gate.seed})"
        if isinstance(excinfo.value, NeverJudged):
            return f"{self.promise} of {self.target} was not judged {seed}\n{excinfo.value}"
        if isinstance(excinfo.value, BrokenPromise):
            return f"{self.target} breaks {self.promise} {seed}\n{excinfo.value}"
        return f"{self.target} cannot be examined: {excinfo.value}"

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


class BrokenPromise(Exception):
    """A claimed property fails."""


class NeverJudged(Exception):
    """A claimed property was not measured: no call gave an answer that it could be judged by."""


class TargetCollector(pytest.Collector):
    """All properties of the targets on the command line."""

    def collect(self) -> Iterator[PropertyItem]:
        from .properties import NAMES

        claims_of(self.config)
        ks_of(self.config)
        check_budget(self.config)
        gate = Gate(self.config)
        for target in self.config.getoption("--topk-target"):
            for promise in NAMES:
                yield PropertyItem.from_parent(
                    self, name=f"{target}::{promise}", target=target, promise=promise, gate=gate
                )


def pytest_collection(session: pytest.Session) -> None:
    """Adds the properties to whatever else the session collects."""
    if session.config.getoption("--topk-target"):
        session.config.pluginmanager.register(_Adder(session), "topk-adder")


class _Adder:
    """Appends the items once the suite's own are known."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        collector = TargetCollector.from_parent(self._session, name="topk", nodeid="topk")
        items.extend(collector.collect())


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Gives a worker of pytest-xdist the folder that it shares with the others."""
    if node.config.getoption("--topk-target"):
        if FOLDER not in node.config.stash:
            node.config.stash[FOLDER] = tempfile.mkdtemp(prefix="persistent-topk-")
        node.workerinput[SHARED] = node.config.stash[FOLDER]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes that folder."""
    folder = config.stash.get(FOLDER, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_report_header(config: pytest.Config) -> str | None:
    """The seed, always printed: here, or at the end of a quiet run, which has no header."""
    return f"topk seed: {Gate(config).seed}" if config.getoption("--topk-target") else None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The seed of a quiet run."""
    told = pytest_report_header(config)
    if told is not None and config.getoption("verbose") < 0:
        terminalreporter.write_line(told)
