"""Campaigns: correct functions pass, each mistake is found, shrunk and replayed, budgets are kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import wrong_topk

from persistent_topk.exit_code import ExitCode
from persistent_topk.reference.policy import MAX_K
from persistent_topk.reference.trace import PATHS
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.coverage import STAGES
from persistent_topk.verify.campaign.outcome import Outcome
from persistent_topk.verify.cases.case import Case
from persistent_topk.verify.failures.replay import load
from persistent_topk.verify.judging.examination import check_one
from persistent_topk.verify.properties import CLAIMS
from persistent_topk.verify.targets import resolve
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.target import Target

Function = Callable[..., torch.Tensor]
SECONDS = 2.0
MOST_CASES = 400  # a number, which no busy machine changes
ENOUGH_CASES = 30  # for every promise to be judged: 12 are
SHRINK_SECONDS = 100.0  # attempts end it sooner
SEEDS = 10
SECONDS_TO_FIND = 10.0  # for the first counterexample
MOST_REPLAYS = 40  # one that fails in every other run passes all of them once in 10^12
SMALL_ENOUGH = 128  # columns that a shrunk case may have, unless its mistake needs more
# By their nature, or because they fail now and then.
NEEDS_MORE = {
    wrong_topk.truncated_buffer: wrong_topk.BUFFER + 1,
    wrong_topk.arrival_order_ties: 1 << 18,
    wrong_topk.flaky: 1 << 18,
}


def campaign(target: Target, folder: Path, **options: object) -> Outcome:
    options = {"seconds": SECONDS, "seed": 7, "failures": folder, **options}
    return Campaign([target], Options(**options)).run()  # type: ignore[arg-type]


def function_target(function: Function, claims: str = "contract") -> FunctionTarget:
    return FunctionTarget(function.__name__, function, CLAIMS[claims])


@pytest.mark.parametrize("mistake", wrong_topk.MISTAKES, ids=lambda function: function.__name__)
def test_each_mistake_is_found_shrunk_and_replayed(mistake: Function, tmp_path: Path) -> None:
    target, promise = function_target(mistake), wrong_topk.MISTAKES[mistake]

    def stop(outcome: Outcome, share: float) -> None:
        if outcome.targets[target.name].properties[promise].failures:
            raise KeyboardInterrupt

    options = Options(seconds=None, cases=MOST_CASES, seed=7, failures=tmp_path)
    search = Campaign([target], options, stop)
    outcome = search.run()
    key = target.name, promise
    search.found.found = {key: search.found.found[key]}  # what else it breaks is shrunk in its own test
    search.found.shrink_all(time.monotonic() + SHRINK_SECONDS)
    found = outcome.targets[target.name].properties[promise]
    assert outcome.exit_code is ExitCode.MISMATCH
    assert found.verdict == "fails", outcome.targets[target.name].failing()
    assert found.replay is not None and found.summary and found.story
    failure = load(found.replay)
    assert failure.promise == promise
    assert failure.case.columns <= NEEDS_MORE.get(mistake, SMALL_ENOUGH)
    again = (check_one(target, failure.case, promise, failure.schedules) for _ in range(MOST_REPLAYS))
    assert any(item is not None and item.broken for item in again)


@pytest.mark.exhaustive
@pytest.mark.parametrize("mistake", wrong_topk.MISTAKES, ids=lambda function: function.__name__)
def test_each_mistake_is_found_from_any_seed(mistake: Function, tmp_path: Path) -> None:
    class Found(Exception):
        pass

    target, promise = function_target(mistake), wrong_topk.MISTAKES[mistake]

    def stop(outcome: Outcome, share: float) -> None:
        if outcome.targets[target.name].properties[promise].failures:
            raise Found

    for seed in range(SEEDS):
        options = Options(seed=seed * 7919, seconds=SECONDS_TO_FIND, failures=tmp_path)
        with pytest.raises(Found):
            Campaign([target], options, stop).run()


def test_a_broken_row_of_ordinary_length_does_not_blame_short_lengths(tmp_path: Path) -> None:
    outcome = campaign(function_target(wrong_topk.nan_last), tmp_path, seconds=None, cases=60)
    assert "short-lengths" not in outcome.targets["nan_last"].failing()


def test_a_correct_function_agrees(tmp_path: Path) -> None:
    outcome = campaign(function_target(wrong_topk.correct), tmp_path, seconds=None, cases=ENOUGH_CASES)
    assert outcome.verdict == "agree", outcome.missing_in_words()
    assert outcome.exit_code is ExitCode.AGREE
    assert not list(tmp_path.iterdir())


def test_a_correct_set_agrees_where_no_more_is_claimed(tmp_path: Path) -> None:
    target = function_target(wrong_topk.correct_set, "set")
    outcome = campaign(target, tmp_path, seconds=None, cases=ENOUGH_CASES)
    properties = outcome.targets[target.name].properties
    assert outcome.verdict == "agree", outcome.missing_in_words()
    assert properties["lowest-column-ties"].verdict == "fails"
    assert not properties["lowest-column-ties"].claimed


def test_a_folder_that_takes_no_file_costs_no_story(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    target = function_target(wrong_topk.nan_last)
    outcome = campaign(target, tmp_path / "file" / "failures", seconds=None, cases=ENOUGH_CASES)
    told = outcome.targets[target.name]
    found = told.properties["nan-first"]
    assert outcome.exit_code is ExitCode.MISMATCH
    assert found.summary and found.story and found.replay is None
    assert any(note.startswith("nan-first: ") and note.endswith("Not a directory") for note in told.notes)


def test_the_model_agrees_on_every_path(tmp_path: Path) -> None:
    outcome = campaign(resolve("model"), tmp_path, seconds=None, cases=ENOUGH_CASES)
    assert outcome.verdict == "agree", outcome.missing_in_words()
    assert not outcome.coverage.missing_paths()


def test_own_agreement_needs_every_path_under_a_shipped_policy(tmp_path: Path) -> None:
    outcome = campaign(resolve("model"), tmp_path, seconds=None, cases=4, families=("k-edges",))
    assert outcome.verdict == "incomplete"
    assert outcome.exit_code is ExitCode.INCOMPLETE
    assert "spill" in outcome.missing_in_words()


def test_a_claim_that_no_case_judged_is_not_agreement(tmp_path: Path) -> None:
    target = function_target(wrong_topk.correct)
    outcome = campaign(target, tmp_path, seconds=None, cases=1, families=("normals",))
    assert outcome.exit_code is ExitCode.INCOMPLETE
    missing = {item.what: item.why for item in outcome.missing()}
    assert missing["nan-first of correct"] == "no case judged it"
    assert "exact-set of correct" not in missing and "graph-replay of correct" not in missing


def test_what_a_target_does_not_take_is_the_reason_that_nothing_is_judged(tmp_path: Path) -> None:
    class Nothing(FunctionTarget):
        def refuses(self, case: Case) -> str:
            return "it takes no call"

    outcome = campaign(Nothing("picky", wrong_topk.correct), tmp_path, seconds=None, cases=2)
    assert outcome.verdict == "incomplete"
    told = "no case judged it; the target does not take 2 cases: it takes no call"
    assert told in {item.why for item in outcome.missing()}
    assert 1 == outcome.missing_in_words().count(told)


@pytest.mark.parametrize("seed", range(8))
def test_the_first_cases_take_every_path_and_stage(tmp_path: Path, seed: int) -> None:
    outcome = campaign(resolve("model"), tmp_path, seconds=None, cases=3, seed=seed)
    assert [name for name in (*PATHS.values(), *STAGES) if not outcome.coverage.shipped_paths[name]] == []


@pytest.mark.parametrize("k", [1, 33, MAX_K])
def test_every_k_can_agree(tmp_path: Path, k: int) -> None:
    outcome = campaign(resolve("model"), tmp_path, seconds=None, cases=ENOUGH_CASES, ks=(k,))
    assert outcome.verdict == "agree", outcome.missing_in_words()


def test_the_same_seed_and_count_give_the_same_cases(tmp_path: Path) -> None:
    def digests(seed: int) -> list[str]:
        seen: list[str] = []

        class Recorder(FunctionTarget):
            def refuses(self, case):  # type: ignore[no-untyped-def]
                seen.append(case.digest())
                return "recorded only"

        target = Recorder("recorder", wrong_topk.correct)
        campaign(target, tmp_path, seconds=None, cases=12, seed=seed)
        return seen

    assert digests(3) == digests(3)
    assert digests(3) != digests(4)


@pytest.mark.usefixtures("clock_of_this_process")
@pytest.mark.parametrize(("function", "least"), [(wrong_topk.correct, 0.9), (wrong_topk.greater_only, 0.0)])
def test_the_time_budget_is_used_and_kept(function: Function, least: float, tmp_path: Path) -> None:
    began = time.monotonic()
    campaign(function_target(function), tmp_path)
    assert least * SECONDS < time.monotonic() - began < 1.3 * SECONDS


def test_ks_of_the_users_are_kept_to_by_every_family_recipe_and_shrunk_case(tmp_path: Path) -> None:
    target = function_target(wrong_topk.two_ks)
    found = campaign(target, tmp_path, seconds=None, cases=ENOUGH_CASES, ks=(512, 2048))
    assert found.targets[target.name].failing() == ["lowest-column-ties", "signed-zero-tie"]
    replay = found.targets[target.name].properties["lowest-column-ties"].replay
    assert replay is not None and load(replay).case.k == 512


def test_an_interrupt_keeps_what_was_verified(tmp_path: Path) -> None:
    def interrupted(outcome: Outcome, share: float) -> None:
        if outcome.coverage.cases == 3:
            raise KeyboardInterrupt

    target = function_target(wrong_topk.correct)
    outcome = Campaign([target], Options(failures=tmp_path), interrupted).run()
    assert outcome.coverage.cases == 3
    assert outcome.exit_code is ExitCode.INTERRUPTED


def test_ks_are_those_asked_for(tmp_path: Path) -> None:
    seen: set[int] = set()

    class Recorder(FunctionTarget):
        def refuses(self, case):  # type: ignore[no-untyped-def]
            seen.add(case.k)
            return "recorded only"

    campaign(
        Recorder("recorder", wrong_topk.correct),
        tmp_path,
        seconds=None,
        cases=20,
        ks=(7, 9),
        families=("contents", "k-edges"),
    )
    assert seen == {7, 9}
