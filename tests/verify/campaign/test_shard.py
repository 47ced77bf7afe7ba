"""A campaign over two processes: one report, all counts in it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from places import SHARED

from persistent_topk.exit_code import ExitCode
from persistent_topk.verify.campaign.coverage import Coverage
from persistent_topk.verify.campaign.outcome import Outcome, new_outcome
from persistent_topk.verify.campaign.shard import merged, seed_of

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
    command = [
        sys.executable, "-m", "persistent_topk.verify", "--target", f"wrong_topk:{target}",
        "--cases", str(CASES), "--family", "contents", "--json", "out.json", *more,
    ]  # fmt: skip
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    ranks = [
        subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **shared, "RANK": str(rank), "PYTHONPATH": str(SHARED)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    printed = [rank.communicate(timeout=120)[0] for rank in ranks]
    return [rank.returncode for rank in ranks], printed


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
