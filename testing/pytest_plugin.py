"""A gate for test suites: `pytest --topk-target my.module:topk` adds one test a property.

A report then shows which promise broke, not only that one did. The fixture `check_topk` checks a function
that a test builds, the marker `topk` says how. Registered under the entry point pytest11; without
--topk-target, an id that begins with topk::, or the fixture it does nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..verify.settings import LIMIT_OPTIONS
from .gate import SHARED, Gate, check_options, seed_of

DEFAULT_SECONDS = 20.0
DEFAULT_PATIENCE = 400.0
ROOT = "topk"  # what the ids of the plugin's own tests begin with
SEPARATOR = "::"
IDS = pytest.StashKey[list[str]]()
FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()
MARKER = "topk(claim, seconds, ...): how the fixture check_topk checks a function; arguments of assert_topk"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options; `pytest --help` shows them."""
    group = parser.getgroup("topk", "persistent-topk: differential tests of a top-k")
    group.addoption(
        "--topk-target", action="append", default=[], metavar="T", help="module:function or adapter"
    )
    group.addoption("--topk-claim", default=None, help="contract, set, selection, or a list of properties")
    group.addoption("--topk-device", default="cpu", help="where module:function is given its tensors [cpu]")
    group.addoption("--topk-k", default=None, metavar="K,...", help="values of k [the target's, or many]")
    group.addoption("--topk-seconds", type=float, default=DEFAULT_SECONDS, help="time budget [20]")
    group.addoption(
        "--topk-patience", type=float, default=DEFAULT_PATIENCE, help="seconds for a shape's first call [400]"
    )
    group.addoption("--topk-seed", type=int, default=None, help="seed [from the commit where CI tells it]")
    group.addoption("--topk-failures", default="topk-failures", help="folder for replay files")
    for item in LIMIT_OPTIONS:
        flag: dict[str, Any] = {"action": "store_const", "const": True}
        form = flag if item.kind is bool else {"type": item.kind, "metavar": item.metavar}
        group.addoption(item.in_pytest, default=None, help=item.help, **form)


def pytest_configure(config: pytest.Config) -> None:
    """Takes the ids of this plugin's tests out of what pytest looks up as files."""
    config.addinivalue_line("markers", MARKER)
    config.stash[IDS] = [text for text in config.args if text.startswith(ROOT + SEPARATOR)]
    config.args[:] = [text for text in config.args if text not in config.stash[IDS]]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist's controller: a folder for all workers, so that one campaign serves them all."""
    stash = node.config.stash
    folder = stash.setdefault(FOLDER, tempfile.TemporaryDirectory(prefix="topk-"))
    node.workerinput[SHARED] = folder.name


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes what the workers shared."""
    folder = config.stash.get(FOLDER, None)
    if folder is not None:
        folder.cleanup()


@pytest.fixture
def check_topk(request: pytest.FixtureRequest) -> Callable[..., None]:
    """assert_topk with the seed, device and folder of the command line and the marker's arguments: called as
    check_topk(function, ...), it fails the test with the story of what broke."""
    marker = request.node.get_closest_marker("topk")
    option = request.config.getoption
    given: dict[str, Any] = {
        "seed": seed_of(request.config),
        "device": option("--topk-device"),
        "failures": option("--topk-failures"),
        **(marker.kwargs if marker else {}),
    }

    def check(function: Callable[..., Any], **more: Any) -> None:
        from . import assert_topk

        __tracebackhide__ = True
        assert_topk(function, **{**given, **more})

    return check


class PropertyItem(pytest.Item):
    """One promise of one target."""

    def __init__(self, *, target: str, promise: str, gate: Gate, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self.target, self.promise, self.gate = target, promise, gate

    def runtest(self) -> None:
        found = self.gate.found_of(self.target)
        if found["unavailable"]:
            raise Unavailable(found["unavailable"])
        item = found["properties"][self.promise]
        if item["verdict"] == "fails" and item["claimed"]:
            raise BrokenPromise("\n".join(item["story"]))
        if not item["claimed"]:
            pytest.skip(f"not claimed, {item['verdict']}")
        if item["verdict"] == "not-run":
            if item["lacking"]:
                pytest.skip(item["lacking"])
            why = found["unfinished"] or "give --topk-seconds more"
            raise NeverJudged(f"claimed, but no case judged it; {why}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        seed = f"(seed {self.gate.seed})"
        again = f'again: pytest "{self.nodeid}"'
        if isinstance(excinfo.value, NeverJudged):
            return f"{self.promise} of {self.target} was not judged {seed}\n{excinfo.value}\n{again}"
        if isinstance(excinfo.value, BrokenPromise):
            return f"{self.target} breaks {self.promise} {seed}\n{excinfo.value}\n{again}"
        if isinstance(excinfo.value, Unavailable):
            return f"{self.target} cannot be examined: {excinfo.value}"
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


class BrokenPromise(Exception):
    """A claimed property fails."""


class NeverJudged(Exception):
    """A claimed property was not measured: no call gave an answer that it could be judged by."""


class Unavailable(Exception):
    """The target cannot run here."""


class TargetCollector(pytest.Collector):
    """All properties of the targets on the command line, or those that ids name."""

    def collect(self) -> Iterator[PropertyItem]:
        from ..verify.properties import NAMES

        check_options(self.config)
        gate, ids = Gate(self.config), self.config.stash[IDS]
        named = [text.split(SEPARATOR)[1] for text in ids]
        left = set(ids)
        for target in dict.fromkeys(named or self.config.getoption("--topk-target")):
            for promise in NAMES:
                name = SEPARATOR.join((target, promise))
                wanted = {SEPARATOR.join((ROOT, part)) for part in (target, name)} & set(ids)
                left -= wanted
                if wanted or not ids:
                    yield PropertyItem.from_parent(self, name=name, target=target, promise=promise, gate=gate)
        if left:
            known = f"{ROOT}{SEPARATOR}TARGET{SEPARATOR}PROPERTY with a property of {', '.join(NAMES)}"
            raise pytest.UsageError(f"not found: {min(left)}; expected {known}")


def _is_asked_for(config: pytest.Config) -> bool:
    return bool(config.getoption("--topk-target") or config.stash[IDS])


def pytest_collection(session: pytest.Session) -> None:
    """Adds the properties to whatever else the session collects."""
    if _is_asked_for(session.config):
        session.config.pluginmanager.register(_Adder(session), "topk-adder")


class _Adder:
    """Appends the items once the suite's own are known."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        collector = TargetCollector.from_parent(self._session, name=ROOT, nodeid=ROOT)
        items.extend(collector.collect())


def pytest_report_header(config: pytest.Config) -> str | None:
    """The seed, always printed: here, or at the end of a quiet run, which has no header."""
    return f"topk seed: {seed_of(config)}" if _is_asked_for(config) else None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The seed of a quiet run."""
    seed_line = pytest_report_header(config)
    if seed_line is not None and config.getoption("verbose") < 0:
        terminalreporter.write_line(seed_line)
