"""The pytest plugin: one item a property, told apart in the report."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from clocks import HANG_SECONDS
from places import SHARED
from pytest_here import run_here

from persistent_topk.testing import in_process
from persistent_topk.verify.campaign import budget, campaign
from persistent_topk.verify.campaign.campaign import Options
from persistent_topk.verify.properties import NAMES

MODULE = "persistent_topk.testing.pytest_plugin"
# Named on the command line only where the installation does not register it.
REGISTERED = any(entry.value == MODULE for entry in entry_points(group="pytest11"))
CASES = 30
PLUGIN = (*(() if REGISTERED else ("-p", MODULE)), "-p", "no:cacheprovider")


def run_alone(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`pytest ARGUMENTS` as a process of its own."""
    command = [sys.executable, "-m", "pytest", "-v", *PLUGIN, "--topk-seconds", "1.5", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(SHARED), **variables}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS
    )


class Done(NamedTuple):
    """How a run of pytest ended."""

    returncode: int
    stdout: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """`pytest ARGUMENTS` in this process, with a number of cases in place of seconds."""

    def few_cases(**given: Any) -> Options:
        return Options(**{**given, "seconds": None, "cases": CASES})

    monkeypatch.setattr(in_process, "Options", Options)  # a suite's own calls say how many cases
    monkeypatch.setattr(campaign, "Options", few_cases)
    monkeypatch.setattr(budget, "SHRINK_SECONDS", 0.0)
    return lambda folder, *arguments: Done(*run_here(folder, "-v", *PLUGIN, *arguments))


Run = Callable[..., Done]


def test_each_property_is_an_item(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SHA", "0123abcd")
    (tmp_path / "test_other.py").write_text("def test_other(): pass\n")
    done = run(tmp_path, "--topk-target", "wrong_topk:last_column_ties")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert "wrong_topk:last_column_ties::exact-set PASSED" in done.stdout
    assert "wrong_topk:last_column_ties::lowest-column-ties FAILED" in done.stdout
    assert "test_other.py::test_other PASSED" in done.stdout
    assert "replay: persistent-topk replay topk-failures" in done.stdout
    assert "topk seed: 0" not in done.stdout and "topk seed: " in done.stdout


def test_processes_of_one_session_share_one_campaign(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    (tmp_path / "counted.py").write_text(COUNTED)
    places = tmp_path / "tmp"
    places.mkdir()
    targets = [
        word for name in ("correct", "last_ties", "none") for word in ("--topk-target", f"counted:{name}")
    ]
    done = run_alone(tmp_path, "-n", "2", *targets, TMPDIR=str(places))
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert len({line.split("]")[0] for line in done.stdout.splitlines() if line.startswith("[gw")}) > 1
    assert "PASSED topk::counted:correct::exact-set" in done.stdout
    assert "FAILED topk::counted:last_ties::lowest-column-ties" in done.stdout
    assert "cannot be examined: module 'counted' has no 'none'" in done.stdout
    assert (tmp_path / "imports").read_text() == "once\n" * 3, "one process for each of the three targets"
    assert not list(places.glob("persistent-topk-*")), "nothing is left behind"


def test_without_a_target_it_does_nothing(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_target_that_is_none_fails_with_a_line(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path, "--topk-target", "wrong_topk:none")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "cannot be examined: module 'wrong_topk' has no 'none'" in done.stdout


def test_a_claim_that_is_none_is_bad_usage(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path, "--topk-target", "wrong_topk:correct", "--topk-claim", "speed")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert "claim is 'speed'; expected" in done.stdout


def test_what_was_never_judged_is_no_broken_promise(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path, "-qq", "--topk-target", "wrong_topk:raises", "--topk-k", "8")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "wrong_topk:raises breaks exact-set (seed 0)\nraised: MemoryError" in done.stdout
    assert "padding of wrong_topk:raises was not judged (seed 0)" in done.stdout
    assert "breaks padding" not in done.stdout and "\ntopk seed: 0\n" in done.stdout


@pytest.mark.parametrize("option", ["--topk-seconds=-1", "--topk-seconds=nan", "--topk-seed=-1"])
def test_a_budget_or_seed_that_is_none_is_bad_usage(option: str, run: Run, tmp_path: Path) -> None:
    done = run(tmp_path, "--topk-target", "wrong_topk:correct", option)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    name, value = option.split("=")
    assert f"{name} is {value}" in done.stdout


def test_a_k_that_is_none_is_bad_usage(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path, "--topk-target", "wrong_topk:correct", "--topk-k", "8,0")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert "--topk-k is 0; expected 1 to 4096" in done.stdout


def test_an_id_runs_its_test_again_and_no_other(run: Run, tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("def test_other(): pass\n")
    chosen = "topk::wrong_topk:last_column_ties::lowest-column-ties"
    done = run(tmp_path, chosen)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert f'again: pytest "{chosen}"' in done.stdout
    assert "1 failed in" in done.stdout and "test_other" not in done.stdout


def test_ids_stand_beside_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("def test_other(): pass\ndef test_not(): pass\n")
    done = run(tmp_path, "test_other.py::test_other", "topk::wrong_topk:correct::padding")
    assert done.returncode == pytest.ExitCode.OK, done.stdout
    assert "2 passed in" in done.stdout


def test_an_id_of_a_target_is_all_its_properties(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path, "topk::no_module_here:topk")
    assert f"{len(NAMES)} failed in" in done.stdout


def test_an_id_of_nothing_is_bad_usage(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path, "topk::wrong_topk:correct::speed")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    words = "not found: topk::wrong_topk:correct::speed; expected topk::TARGET::PROPERTY"
    assert words in done.stdout


COUNTED = """
from wrong_topk import correct, last_column_ties as last_ties

open("imports", "a").write("once\\n")  # imported by the process of each campaign, and by no other
"""

SUITE = """
import pytest
import limited_topk

def build(select):
    return lambda logits, lengths, k: select(logits, lengths, k)

@pytest.mark.topk(claim="ascending-order", cases=20)
def test_backwards(check_topk):
    check_topk(build(lambda *call: limited_topk.right(*call).flip(1)))

@pytest.mark.topk(cases=30, dtype="bfloat16")
def test_right(check_topk):
    check_topk(build(limited_topk.bfloat16_alone))

def test_argument(check_topk):
    check_topk(build(limited_topk.right), cases=30, claim="set")
"""


def test_a_suite_checks_what_it_builds(run: Run, tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    done = run(tmp_path, "--strict-markers", "--topk-seed", "7", "--topk-failures", "kept")
    assert "2 passed" in done.stdout and "1 failed" in done.stdout, done.stdout
    assert "test_suite:build.<locals>.<lambda> breaks ascending-order" in done.stdout
    assert "seed 7, 20 cases" in done.stdout
    assert 1 == len(list((tmp_path / "kept").glob("*-ascending-order-*.zip")))


def test_limits_are_options(run: Run, tmp_path: Path) -> None:
    target = ["--topk-target", "limited_topk:bfloat16_alone", "--topk-dtype", "bfloat16"]
    done = run(tmp_path, *target, "--topk-max-rows", "9", "--topk-claim", "exact-set,padding")
    assert done.returncode == pytest.ExitCode.OK, done.stdout
    done = run(tmp_path, *target, "--topk-max-k", "0")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--topk-max-k is 0; expected a whole number above 0" in done.stdout


def test_the_former_name_is_loaded_beside_the_registered_one(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path, "-p", "persistent_topk.verify.pytest_plugin", "topk::wrong_topk:correct::padding")
    assert done.returncode == pytest.ExitCode.OK, done.stdout
