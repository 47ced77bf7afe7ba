"""The gate without a GPU: steps that fail are recorded and the others run; what each step reads."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch

from persistent_topk.cuda import gate, gate_steps, records
from persistent_topk.cuda.build import BuildError, kernel_hash
from persistent_topk.cuda.gate_steps import STEPS, TIMED_OUT, Options, run
from persistent_topk.cuda.sanitizer.tool import NOT_RUN
from persistent_topk.verify.outcome import ExitCode

WHERE = {**dict.fromkeys(records.CARRIED, "1"), "kernel": kernel_hash(), "gpu": "H100"}


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    monkeypatch.setattr(gate, "where", lambda: WHERE)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Options(records=tmp_path / "records", scratch=scratch)


def found_in(options: Options, name: str) -> dict:
    return json.loads((options.records / f"{name}.json").read_text())["found"]


def test_a_step_that_fails_is_recorded_and_the_others_run(
    options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Options) -> dict:
        raise BuildError("nvcc failed\nsecond line")

    steps = {
        "build": broken,
        "tests": lambda _: {"ok": False, "lines": ["3 passed, 1 failed"]},
        "soak": lambda _: {"ok": True, "lines": ["agree"]},
    }
    assert gate.gate(list(steps), options, steps) is False
    assert found_in(options, "build") == {"ok": False, "lines": ["BuildError: nvcc failed", "second line"]}
    assert found_in(options, "soak")["ok"] and not found_in(options, "tests")["ok"]
    table = capsys.readouterr().out.strip().splitlines()[-3:]
    assert ["build", "FAILED"] == table[0].split()[:2] and "nvcc failed" in table[0]
    assert ["soak", "ok"] == table[2].split()[:2]
    assert gate.gate(["soak"], options, steps) is True
    assert records.EXIT_STALE == records.check(options.records)


def test_what_a_clean_step_left_out_stands_in_the_table(
    options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["Version 1", "memcheck   errors 0", f"initcheck, shared  {NOT_RUN}too old"]
    assert gate.gate(["sanitizers"], options, {"sanitizers": lambda _: {"ok": True, "lines": lines}})
    table = capsys.readouterr().out.strip().splitlines()[-2:]
    assert table[0].split()[:2] == ["sanitizers", "ok"] and table[1].strip() == lines[2]


def test_the_record_of_the_bench_is_as_the_bench_writes_it(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"found": {"ok": True, "lines": ["64 cells"]}, "cells": [1], "environment": {"gpu": "H100"}}
    answer_with(monkeypatch, "bench", told)
    assert gate.gate(["bench"], options)
    written = json.loads((options.records / "bench.json").read_text())
    assert told["found"] == written["found"] and [1] == written["cells"] and "H100" == written["gpu"]
    assert "H100" == written["environment"]["gpu"]


def test_every_step_has_a_title_and_every_record_a_step() -> None:
    assert set(records.TITLES) == set(STEPS)


def test_output_is_kept_and_shown_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    code, output = run(["-c", "import sys; print('said'); print('told', file=sys.stderr); sys.exit(7)"], 60)
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


def answer_with(monkeypatch: pytest.MonkeyPatch, name: str, told: dict | str | None, code: int = 0) -> list:
    """Steps' processes leave `told` where their --json (or --junitxml) says; their words are returned."""
    seen: list[list[str]] = []

    def answered(words: list[str], timeout_s: float) -> tuple[int, str]:
        seen.append(words)
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


CAMPAIGN = {
    "verdict": "agree", "cases": 9, "rows": 70, "seed": 1, "seconds": 60.2, "paths": {}, "shipped_paths": {},
    "targets": {"gpu": {"properties": {"exact-set": {"verdict": "holds", "cases": 9}}}},
}  # fmt: skip
REPORTS = {
    "campaign": (CAMPAIGN, "agree: 70 rows in 9 cases, 60 s"),
    "soak": ({"complete": True}, "the output of soak"),
    "sanitizers": ({"ok": True, "lines": ["Version 1"]}, "Version 1"),
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
    answer_with(monkeypatch, "soak", {"complete": False})
    assert not gate_steps.step_soak(options)["ok"]


def test_what_was_carried_reaches_the_steps(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = Path("/somewhere/cccl.whl")
    carried = Options(options.records, options.scratch, cccl=wheel, sanitizer=wheel)
    seen = answer_with(monkeypatch, "any", None)
    for name in ("soak", "bench", "sanitizers"):
        STEPS[name](carried)
    assert ["--second-oracle", "cub", "--cccl", str(wheel)] == seen[0][-4:]
    assert ["--peers", "torch,cub,cub-ties", "--cccl", str(wheel)] == seen[1][-4:]
    assert ["--tool", str(wheel)] == seen[2][-2:]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert gate.EXIT_CANNOT_RUN == gate.main(["--only", "build"])
    assert "the gate needs a CUDA device" in capsys.readouterr().err


def test_a_carried_file_that_is_not_there_is_told_first(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        gate.main(["--cccl", "nowhere.whl"])
    assert gate.EXIT_USAGE == left.value.code and "--cccl is nowhere.whl" in capsys.readouterr().err


def test_a_kernel_that_does_not_build_still_has_an_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    from persistent_topk.cuda import environment

    def broken() -> dict:
        raise BuildError("no nvcc")

    monkeypatch.setattr(environment, "environment", broken)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "H100")
    told = gate.where()
    assert set(records.CARRIED) <= set(told) and kernel_hash() == told["kernel"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
@pytest.mark.parametrize("name", ["campaign", "soak", "sanitizers", "bench"])
def test_the_words_of_a_step_are_those_of_its_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but a GPU is missing: the command cannot run, but it is no bad usage."""
    codes: list[int] = []

    def remembered(words: list[str], timeout_s: float) -> tuple[int, str]:
        code, output = run(words, timeout_s)
        codes.append(code)
        return code, output

    monkeypatch.setattr(gate_steps, "run", remembered)
    found = STEPS[name](Options(tmp_path, tmp_path, cccl=tmp_path, sanitizer=tmp_path))
    assert [ExitCode.CANNOT_RUN] == codes
    assert not found["ok"] and any("CUDA" in text for text in found["lines"])
