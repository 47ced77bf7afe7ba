"""The gate's steps without a GPU: what each runs, with what, and what it reads of the outcome."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from persistent_topk.cuda.build import FIRST_USE_SECONDS
from persistent_topk.exit_code import ExitCode
from persistent_topk.tools import gate_steps, spills
from persistent_topk.tools.gate_steps import STEPS, TIMED_OUT, Options, run
from persistent_topk.verify.targets.peers.cub_library import HEADERS_VARIABLE


@pytest.fixture
def options(tmp_path: Path) -> Options:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Options(records=tmp_path / "records", scratch=scratch)


def test_output_is_kept_and_shown_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    said = "import os, sys; print('said'); print(os.environ['WHAT'], file=sys.stderr); sys.exit(7)"
    code, output = run(["-c", said], 60, {"WHAT": "told"})
    assert 7 == code and "said\n" in output and "told\n" in output
    assert "said" in capsys.readouterr().out


def test_a_step_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    script = tmp_path / "hang.py"
    script.write_text(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    began = time.monotonic()
    code, output = run([str(script)], 3)
    assert TIMED_OUT == code and "ran longer than 3 s" in output and time.monotonic() - began < 30
    child = int(output.split()[0])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{child}/stat").read_text().split()[2]
        except OSError:
            break
        if state == "Z":
            break
        time.sleep(0.1)
    else:
        pytest.fail(f"process {child} still runs")


@dataclass
class Seen:
    """What steps' processes were given."""

    words: list[list[str]] = field(default_factory=list)
    variables: list[Mapping[str, str]] = field(default_factory=list)


def answer_with(monkeypatch: pytest.MonkeyPatch, name: str, told: dict | str | None, code: int = 0) -> Seen:
    """Steps' processes leave `told` where their --json (or --junitxml) says; what they get is returned."""
    seen = Seen()

    def answered(
        words: list[str], timeout_s: float, variables: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        seen.words.append(words)
        seen.variables.append(variables or {})
        flags = [word for word in words if word.startswith("--junitxml=")]
        path = Path(flags[0].split("=")[1] if flags else words[words.index("--json") + 1])
        if told is not None:
            path.write_text(told if isinstance(told, str) else json.dumps(told))
        return code, f"the output of {name}\nTraceback\nlast line\n"

    monkeypatch.setattr(gate_steps, "run", answered)
    return seen


JUNIT = """<testsuites><testsuite tests="5" failures="1" errors="1" skipped="1" time="12.5">
<testcase classname="tests.test_a" name="test_one"/>
<testcase classname="tests.test_a" name="test_two"><failure message="assert 1 == 2&#10;more"/></testcase>
<testcase classname="tests.test_b" name="test_three[5]"><error>cannot launch</error></testcase>
<testcase classname="tests.test_b" name="test_four"><skipped message="needs two GPUs"/></testcase>
<testcase classname="tests.test_b" name="test_five"/>
</testsuite></testsuites>"""


def test_failed_tests_are_counted_and_named(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, "tests", JUNIT, code=1)
    found = gate_steps.step_tests(options)
    assert not found["ok"] and (2, 1, 1, 1) == tuple(
        found[name] for name in ("passed", "failures", "errors", "skipped")
    )
    assert found["lines"] == [
        "2 passed, 2 failed, 1 skipped, 12 s",
        "FAILED tests.test_a::test_two: assert 1 == 2",
        "FAILED tests.test_b::test_three[5]: cannot launch",
        "skipped: needs two GPUs",
    ]


def test_tests_that_were_all_skipped_are_no_success(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped = '<testsuites><testsuite tests="3" failures="0" errors="0" skipped="3" time="1"/></testsuites>'
    answer_with(monkeypatch, "tests", skipped)
    assert not gate_steps.step_tests(options)["ok"]


@pytest.mark.parametrize("name", ["tests", "campaign", "soak", "sanitizers", "bench"])
def test_a_step_that_leaves_no_report_has_failed(
    name: str, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, name, None)
    found = STEPS[name](options)
    assert not found["ok"] and "last line" == found["lines"][-1]
    assert "no report, exit code 0: last line" == found["lines"][0]


CAMPAIGN = {
    "verdict": "agree",
    "cases": 9,
    "rows": 70,
    "seed": 1,
    "seconds": 60.2,
    "paths": {},
    "shipped_paths": {},
    "targets": {"gpu": {"properties": {"exact-set": {"verdict": "holds", "cases": 9}}}},
}
SUMS = {
    "kernel": "1",
    "complete": True,
    "short": {"rows": 1000, "traced": 8, "second_oracle": 900, "mismatches": 0},
    "long": {"rows": 10, "traced": 4, "second_oracle": 0, "mismatches": 0},
}
CAUGHT = {"lacking": False, "caught": True, "errors": 0}
REPORTS = {
    "campaign": (CAMPAIGN, "agree: 70 rows in 9 cases, 60 s"),
    "soak": (SUMS, "1010 rows, 12 traced, 900 by a second oracle, 0 disagreements"),
    "sanitizers": (
        {"ok": True, "lines": ["Version 1"], "outcomes": [CAUGHT, CAUGHT, {**CAUGHT, "lacking": True}]},
        "0 errors in 2 checks, 2 of which caught their planted bug",
    ),
    "bench": ({"found": {"ok": True, "lines": ["64 cells"]}, "cells": [1]}, "64 cells"),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_counts_only_with_its_exit_code(
    name: str, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, head = REPORTS[name]
    answer_with(monkeypatch, name, told)
    found = STEPS[name](options)
    assert found["ok"] and head == found["lines"][0]
    answer_with(monkeypatch, name, told, code=1)
    assert not STEPS[name](options)["ok"]


def test_a_soak_that_is_not_through_is_not_clean(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, "soak", {**SUMS, "complete": False})
    found = gate_steps.step_soak(options)
    assert not found["ok"] and "stopped before its goal" in found["lines"][0]


def test_a_soak_goes_on_from_no_earlier_one(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = answer_with(monkeypatch, "soak", SUMS)
    gate_steps.step_soak(options)
    folder = Path(seen.words[0][seen.words[0].index("--folder") + 1])
    assert options.scratch in folder.parents and options.records not in folder.parents


@pytest.mark.parametrize(("seconds", "ok"), [(FIRST_USE_SECONDS, True), (FIRST_USE_SECONDS + 1, False)])
def test_the_kernel_is_compiled_anew_and_in_the_time_of_a_first_use(
    seconds: float, ok: bool, options: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock, compiled = [100.0], []

    def compiles(target: Path, arch: str) -> None:
        clock[0] += seconds
        compiled.append((target, arch))

    monkeypatch.setattr(gate_steps, "cached", lambda name: tmp_path / name)
    monkeypatch.setattr(gate_steps, "rebuild", compiles)
    monkeypatch.setattr(gate_steps.time, "monotonic", lambda: clock[0])
    clean = [spills.Usage(spills.TUNED, "topk_kernel", "dense", False, 64, 0, 0, 0)]
    monkeypatch.setattr(spills, "report", lambda: clean)
    target = tmp_path / gate_steps.library_name(arch=spills.TUNED)
    target.touch()
    found = gate_steps.step_build(options)
    assert [(target, spills.TUNED)] == compiled and found["ok"] is ok
    assert f"{seconds:.1f} s of 60, 0 of its shipped kernels spill" in found["lines"][0]


def test_what_was_carried_reaches_the_steps(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = Path("/somewhere/cccl.whl")
    carried = Options(options.records, options.scratch, cccl=wheel, sanitizer=wheel)
    seen = answer_with(monkeypatch, "any", None)
    for name in ("soak", "bench", "sanitizers", "tests"):
        STEPS[name](carried)
    assert ["--second-oracle", "cub", "--cccl", str(wheel)] == seen.words[0][-4:]
    assert ["--peers", "torch,cub,cub-ties", "--cccl", str(wheel)] == seen.words[1][-4:]
    assert ["--tool", str(wheel)] == seen.words[2][-2:]
    assert {HEADERS_VARIABLE: str(wheel)} == seen.variables[3]


def test_the_record_of_the_bench_keeps_its_figures(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"found": {"ok": True, "lines": ["64 cells"]}, "cells": [1], "environment": {"gpu": "H100"}}
    answer_with(monkeypatch, "bench", told)
    figures = {"cells": [1], "environment": {"gpu": "H100"}}
    assert {**told["found"], gate_steps.FIGURES: figures} == gate_steps.step_bench(options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
@pytest.mark.parametrize("name", ["campaign", "soak", "sanitizers", "bench"])
def test_the_words_of_a_step_are_those_of_its_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but a GPU is missing: the command cannot run, but it is no bad usage."""
    codes: list[int] = []

    def remembered(words: list[str], timeout_s: float, variables: None = None) -> tuple[int, str]:
        code, output = run(words, timeout_s)
        codes.append(code)
        return code, output

    monkeypatch.setattr(gate_steps, "run", remembered)
    found = STEPS[name](Options(tmp_path, tmp_path, cccl=tmp_path, sanitizer=tmp_path))
    assert [ExitCode.CANNOT_RUN] == codes
    assert not found["ok"] and any("CUDA" in text for text in found["lines"])
