"""A campaign over two processes: one report, all counts in it."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from forking import Program, forks_of
from places import SHARED
from torch.distributed import HashStore

from persistent_topk.commands.cli import group
from persistent_topk.exit_code import ExitCode
from persistent_topk.verify.campaign import ranks
from persistent_topk.verify.campaign.coverage import Coverage
from persistent_topk.verify.campaign.merging import merged
from persistent_topk.verify.campaign.outcome import Missing, Outcome, new_outcome
from persistent_topk.verify.campaign.ranks import (
    RanksApart,
    gathered,
    hand_over,
    meet,
    one_gpu_a_rank,
    seed_of,
)

CASES = 6


def outcome_with(cases: int, failures: int) -> Outcome:
    target = new_outcome("t", frozenset({"exact-set"}), own=False, on_gpu=False)
    item = target.properties["exact-set"]
    item.cases, item.rows, item.failures = cases, 2 * cases, failures
    item.summary, item.story = ("wrong", "a row") if failures else ("", "")
    coverage = Coverage(cases=cases, rows=2 * cases)
    coverage.paths["decode"] = cases
    return Outcome(5, {"t": target}, coverage, seconds=float(cases))


def test_outcomes_add_up() -> None:
    total = merged([outcome_with(3, 0), outcome_with(4, 1)])
    item = total.targets["t"].properties["exact-set"]
    assert (total.coverage.cases, total.coverage.rows, total.coverage.paths["decode"]) == (7, 14, 7)
    assert (item.cases, item.rows, item.failures, item.summary) == (7, 14, 1, "wrong")
    assert total.exit_code is ExitCode.MISMATCH
    assert total.seconds == 4.0


def test_rank_0_runs_what_it_would_run_alone() -> None:
    assert seed_of(9, 0) == 9
    assert len({seed_of(9, rank) for rank in range(8)}) == 8


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def two_ranks(target: str, folder: Path, *more: str) -> tuple[list[int], list[str]]:
    """(exit codes, what was printed) of the two processes of one campaign, in `folder`."""
    campaign = ["--cases", str(CASES), "--family", "contents", "--claim", "ascending-order"]
    words = ["--target", f"wrong_topk:{target}", *campaign, "--json", "out.json", *more]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        Program(
            forks_of(),
            ["-m", "persistent_topk.verify", *words],
            cwd=folder,
            env={**os.environ, **shared, "RANK": str(rank), "PYTHONPATH": str(SHARED)},
            merged=False,
        )
        for rank in range(2)
    ]
    printed = [process.output() for process in processes]
    return [process.wait() for process in processes], printed


@pytest.fixture
def a_rank_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MASTER_PORT", raising=False)
    monkeypatch.setattr(ranks, "MEETING_SECONDS", 0.2)
    monkeypatch.syspath_prepend(SHARED)


@pytest.mark.usefixtures("a_rank_of_two")
@pytest.mark.parametrize("has_port", [True, False])
def test_a_rank_without_its_peers_runs_no_case(
    has_port: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if has_port:
        monkeypatch.setenv("MASTER_PORT", str(free_port()))
    with pytest.raises(RanksApart, match="RANK is 0 of WORLD_SIZE 2, .*unset WORLD_SIZE for one alone"):
        meet()
    told = CliRunner().invoke(
        group,
        ["verify", "--target", "wrong_topk:correct", "--cases", "2", "--failures", str(tmp_path)],
        standalone_mode=False,
    )
    assert told.return_value == ExitCode.CANNOT_RUN
    assert "start them all" in told.output and "Conformance" not in told.output


@pytest.mark.usefixtures("a_rank_of_two")
def test_a_rank_that_is_lost_costs_its_own_part_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setattr(ranks, "HAND_OVER_SECONDS", 0.5)
    store = HashStore()
    monkeypatch.setenv("RANK", "2")
    hand_over(outcome_with(4, 0), store)
    monkeypatch.setenv("RANK", "0")
    total = merged(gathered(outcome_with(3, 0), store))
    assert (7, "incomplete") == (total.coverage.cases, total.verdict)
    lost = Missing("the part of rank 1 of 3", "it was not handed over within 0.5 s")
    assert lost in total.missing()


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (None, "1"),
        ("4,5,6,7", "5"),
        ("GPU-aa,GPU-bb", "GPU-bb"),
        ("6", "6"),  # the launcher has left this rank its own
        ("", ""),  # no GPU for anybody
    ],
)
def test_a_rank_has_the_gpu_of_its_place_among_those_shown(
    shown: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown or "")  # undone at the end, also where it is unset now
    if shown is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    one_gpu_a_rank()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == expected


def test_one_process_alone_keeps_its_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    one_gpu_a_rank()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,5"


def test_two_processes_write_one_report_and_go_on_where_they_left_off(tmp_path: Path) -> None:
    for runs in (1, 2):
        codes, printed = two_ranks("by_value", tmp_path, "--state", "kept")
        assert codes == [1, 0]
        assert "Conformance" in printed[0] and printed[1] == ""
        told = json.loads((tmp_path / "out.json").read_text())
        assert told["cases"] == 2 * CASES * runs
        assert told["targets"]["wrong_topk:by_value"]["properties"]["ascending-order"]["verdict"] == "fails"
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["rank-0", "rank-1"]
    bodies = [json.loads((tmp_path / f"kept/rank-{rank}/state.json").read_text())["body"] for rank in (0, 1)]
    assert [body["runs"] for body in bodies] == [2, 2]
