"""One story a cause: told when it is found, of the call that failed, as small as it gets, and seen again."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import stateful_topk
from click.testing import CliRunner
from places import SHARED

from persistent_topk.commands.cli import group
from persistent_topk.exit_code import ExitCode
from persistent_topk.verify.campaign import campaign
from persistent_topk.verify.campaign.budget import SHRINK_SECONDS
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.counterexamples import Counterexample, Counterexamples
from persistent_topk.verify.campaign.outcome import Outcome, PropertyOutcome
from persistent_topk.verify.cases.case import lay_out
from persistent_topk.verify.failures.replay import Failure, load
from persistent_topk.verify.judging.faults import Fault
from persistent_topk.verify.judging.measurement import Measurement
from persistent_topk.verify.properties import CLAIMS, parse_claim
from persistent_topk.verify.reporting.story import stories_of
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.isolated import IsolatedTarget
from persistent_topk.verify.targets.target import POISONS, Target

CASES = 60
COMMAND = [sys.executable, "-m", "persistent_topk.verify"]


pytestmark = pytest.mark.usefixtures("tests_are_importable")


def examined(target: Target, folder: Path, **options: object) -> Outcome:
    options = {"seconds": None, "cases": CASES, "seed": 0, "failures": folder, **options}
    return Campaign([target], Options(**options)).run()  # type: ignore[arg-type]


@pytest.fixture
def attempts_end_shrinking(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the clock would."""
    monkeypatch.setattr(campaign, "SHORT_SHRINK_SECONDS", SHRINK_SECONDS)


def saved(outcome: Outcome, promise: str) -> Failure:
    (target,) = outcome.targets.values()
    replay = target.properties[promise].replay
    assert replay is not None
    return load(replay)


@pytest.mark.parametrize("isolated", ["unwritten_rest"], indirect=True)
def test_a_slot_that_was_never_written_is_one_story(isolated: IsolatedTarget, tmp_path: Path) -> None:
    outcome = examined(isolated, tmp_path)
    (told,) = stories_of(outcome.targets[isolated.name])
    assert told.promise == "fully-written"
    assert told.found.startswith("row 0 (length 1, k 1): slot 0 was never written")
    assert {"exact-set", "in-range-unique"} <= set(told.also)
    assert told.lines()[-2].startswith("also breaks: ")
    for item in outcome.targets[isolated.name].properties.values():
        assert not any(str(poison) in item.summary for poison in POISONS)


@pytest.mark.parametrize("isolated", ["first_width"], indirect=True)
@pytest.mark.usefixtures("attempts_end_shrinking")
def test_the_calls_that_a_failure_needs_are_kept_and_replayed(
    isolated: IsolatedTarget, tmp_path: Path
) -> None:
    outcome = examined(isolated, tmp_path, first_only=True)
    failure = saved(outcome, "exact-set")
    assert (1, 2, 2) == (failure.case.rows, failure.case.columns, failure.case.k)
    assert [(1, 1)] == [(call.rows, call.columns) for call in failure.earlier]
    (told,) = stories_of(outcome.targets[isolated.name])
    assert "in the same process, before it: 1 x 1, k 1" in told.again
    done = CliRunner().invoke(group, ["replay", str(told.file)], standalone_mode=False)
    assert done.return_value == ExitCode.MISMATCH, done.output
    assert "call 1:   1 x 1, k 1" in done.output


@pytest.mark.parametrize("isolated", ["now_and_then"], indirect=True)
@pytest.mark.usefixtures("attempts_end_shrinking")
def test_a_failure_that_a_fresh_process_does_not_show_is_said_to_be_one(
    isolated: IsolatedTarget, tmp_path: Path
) -> None:
    outcome = examined(isolated, tmp_path, first_only=True)
    (told, *_) = stories_of(outcome.targets[isolated.name])
    assert told.again.startswith("a fresh process does not show it")
    assert not saved(outcome, told.promise).fresh
    done = CliRunner().invoke(group, ["replay", str(told.file)], standalone_mode=False)
    assert "holds, as it did in a fresh process when the failure was saved" in done.output


@pytest.mark.parametrize("isolated", ["aborts"], indirect=True)
@pytest.mark.usefixtures("attempts_end_shrinking")
def test_a_crash_is_shrunk(isolated: IsolatedTarget, tmp_path: Path) -> None:
    case = saved(examined(isolated, tmp_path, first_only=True), "exact-set").case
    assert (1, 1, stateful_topk.LARGEST_K + 1) == (case.rows, case.columns, case.k)


def test_story_file_and_shrinker_see_the_lengths_of_the_call_that_failed(tmp_path: Path) -> None:
    claims = parse_claim("exact-set,nan-first")
    target = FunctionTarget("none", stateful_topk.all_nan_gives_none, claims)
    for seed in range(4):
        outcome = examined(target, tmp_path, families=("short-lengths",), cases=40, seed=seed)
        (told,) = stories_of(outcome.targets["none"])
        assert told.case.startswith("1 x 1, k 1; length 1: 1 x NaN"), told.case
        assert "row 0 (length 1, k 1): slot 0 holds the padding" in told.found
        assert [1] == saved(outcome, told.promise).case.lengths.tolist()


def test_a_call_without_logits_is_told_where_no_other_fails(tmp_path: Path) -> None:
    wide = FunctionTarget("wide", stateful_topk.raises_inside, CLAIMS["set"])
    found = Counterexamples(tmp_path)
    outcome = PropertyOutcome(claimed=True)
    for rows, kept in ((0, 0), (3, 3), (0, 3), (1, 1)):
        case = lay_out(np.zeros((rows, 1 + stateful_topk.WIDEST), np.uint32), 1)
        measurement = Measurement("exact-set", rows, "raised", "raised: IndexError")
        found.offer(Counterexample(wide, case, ("",), measurement, outcome))
        assert [kept] == [item.case.rows for item in found.found.values()]


def test_it_is_told_once_when_it_is_found(tmp_path: Path) -> None:
    found: list[tuple[str, Measurement, int]] = []
    target = FunctionTarget("hidden", stateful_topk.minus_inf_hidden, CLAIMS["set"])
    options = Options(seconds=None, cases=CASES, failures=tmp_path)
    search = Campaign(
        [target],
        options,
        tell=lambda name, item: found.append((name, item, search.outcome.coverage.cases)),
    )
    search.run()
    assert [("hidden", "exact-set", Fault.PADDING.value)] == [
        (name, item.promise, item.cause) for name, item, _ in found
    ]
    assert found[0][2] < CASES - 1


def test_the_first_broken_claim_can_end_the_search(tmp_path: Path) -> None:
    target = FunctionTarget("hidden", stateful_topk.minus_inf_hidden, CLAIMS["set"])
    outcome = examined(target, tmp_path, seconds=60.0, cases=None, first_only=True)
    assert outcome.verdict == "mismatch" and outcome.seconds < 20.0
    assert 1 == outcome.targets["hidden"].properties["exact-set"].failures
    case = saved(outcome, "exact-set").case
    assert (1, 1, 1) == (case.rows, case.columns, case.k)


def test_a_pipe_shows_it_long_before_the_end(tmp_path: Path) -> None:
    arguments = ["--target", "stateful_topk:minus_inf_hidden", "--claim", "set", "--seconds", "600"]
    places = ["--failures", str(tmp_path)]
    with subprocess.Popen(
        [*COMMAND, *arguments, *places], cwd=SHARED, stdout=subprocess.PIPE, text=True
    ) as checker:
        assert checker.stdout is not None
        began, line = time.monotonic(), checker.stdout.readline()
        checker.kill()
    assert re.match(r"exact-set of \S+ is broken: row 0 \(length \d+, k \d+\): .*padding, -1", line), line
    assert time.monotonic() - began < 120.0
