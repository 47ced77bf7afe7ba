"""The script of a failure: it fails as the checker saw it, without the package; a right function holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import wrong_alone
from forking import Program, forks_of
from places import SHARED
from safetensors import safe_open

from persistent_topk.verify.cases.case import Case, lay_out
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.failures.replay import Failure, load, save
from persistent_topk.verify.failures.script import MOST_RUNS, NoScript, save_case, script_of
from persistent_topk.verify.judging.examination import check_one
from persistent_topk.verify.properties import CLAIMS
from persistent_topk.verify.targets import TargetLimits
from persistent_topk.verify.targets.function import FunctionTarget

CLAIMED = tuple(sorted(CLAIMS["contract"]))
NAN, INF = float("nan"), float("inf")
ROW = [3.0, 1.0, -0.0, 2.0, 2.0, 0.0, 2.0, INF]


def case_of(*rows: list[float], k: int = 2, **layout: Any) -> Case:
    return lay_out([bits_of(np.array(row)) for row in rows], k, **layout)


def failure_of(target: str, promise: str, case: Case, takes: TargetLimits | None = None) -> Failure:
    return Failure(target, promise, "what was found", case, claims=CLAIMED, takes=takes or TargetLimits())


def write(script: str, folder: Path) -> None:
    """Writes the script to a folder where importing the package fails."""
    (folder / "persistent_topk.py").write_text("raise ImportError('not here')\n")
    (folder / "shown.py").write_text(script)


class Done(NamedTuple):
    """How a script ended."""

    returncode: int
    told: str


def run(script: str, folder: Path, *arguments: str) -> Done:
    """Runs a script in a folder with arguments. All scripts share one import of torch."""
    write(script, folder)
    program = Program(forks_of("torch"), ["shown.py", *arguments], cwd=folder, env=environment_of(folder))
    told = program.output()
    return Done(program.wait(), told)


def environment_of(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{SHARED}"}


@pytest.mark.parametrize("function", wrong_alone.MISTAKES, ids=lambda function: function.__name__)
def test_a_script_fails_as_the_checker_does_and_holds_for_a_right_function(
    function: Callable[..., torch.Tensor], tmp_path: Path
) -> None:
    name, promise = f"wrong_alone:{function.__name__}", wrong_alone.MISTAKES[function]
    rows = [ROW, [NAN, *ROW[:5]], ROW[:1]]
    short = {"gap": 1, "lengths": [-3, 6, 99]} if promise == "short-lengths" else {}
    case = case_of(*rows, k=3, **short)
    found = check_one(FunctionTarget(name, function), case, promise)
    assert found is not None and found.broken
    script = script_of(failure_of(name, promise, case), name, "cpu", tmp_path / "beside.safetensors")
    wrong = run(script, tmp_path)
    assert 1 == wrong.returncode, wrong.told
    assert "Traceback" not in wrong.told and wrong.told != ""
    right = run(script, tmp_path, "limited_topk:right")
    assert (0, "holds\n") == right
    assert not (tmp_path / "beside.safetensors").exists()


def test_a_script_says_what_differs_in_a_process_of_its_own(tmp_path: Path) -> None:
    failure = failure_of("wrong_alone:loses_the_last", "exact-set", case_of([1.0, 3.0, 2.0, 9.0]))
    write(script_of(failure, failure.target, "cpu", tmp_path / "a.safetensors"), tmp_path)
    command = [sys.executable, "shown.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment_of(tmp_path), capture_output=True, text=True)
    told = "row 0: lost [(3, 9.0)], selected [(2, 2.0)] (column, value)\n"
    assert (1, told) == (done.returncode, done.stdout)


def test_a_script_states_the_case_and_what_was_found(tmp_path: Path) -> None:
    failure = failure_of("a:b", "exact-set", case_of([1.0, 3.0]))
    failure = replace(failure, message='quotes """ and \\ and \x1b[31m colours')
    script = script_of(failure, "a:b", "cpu", tmp_path / "a.safetensors")
    compile(script, "script", "exec")
    assert "a:b breaks exact-set" in script and "Case: 1 x 2, k 2; length 2: 1 x 1.0, then 1 x 3.0" in script
    assert "order = torch.sort(row[:n], descending=True, stable=True).indices" in script
    assert "persistent_topk" not in script and "\x1b" not in script


def test_calls_that_a_failure_needs_come_first(tmp_path: Path) -> None:
    name = "stateful_topk:first_width"
    needs = failure_of(name, "exact-set", case_of([1.0, 2.0]))
    for earlier, code in (((case_of([1.0], k=1),), 1), ((), 0)):
        script = script_of(replace(needs, earlier=earlier), name, "cpu", tmp_path / "beside.safetensors")
        done = run(script, tmp_path)
        assert code == done.returncode, done.told


def test_tensors_that_are_long_to_read_are_put_beside_it(tmp_path: Path) -> None:
    long = [float(value) for value in range(MOST_RUNS + 1)]
    failure = failure_of("wrong_alone:loses_the_last", "exact-set", case_of(long, ROW, offset=3))
    script = script_of(failure, failure.target, "cpu", tmp_path / "beside.safetensors")
    assert (tmp_path / "beside.safetensors").exists() and len(script) < 8000
    assert 1 == run(script, tmp_path).returncode
    assert 0 == run(script, tmp_path, "limited_topk:right").returncode


def test_the_bits_of_every_nan_are_kept(tmp_path: Path) -> None:
    case = lay_out([np.array([0xFFC00001, 0x3F800000, 0x7F800001], np.uint32)], 1)
    script = script_of(failure_of("a:b", "nan-first", case), "a:b", "cpu", tmp_path / "a.safetensors")
    assert f"bits([{0xFFC00001 - (1 << 32)}, {0x3F800000}, {0x7F800001}" in script


def test_logits_and_padding_are_as_the_target_takes_them(tmp_path: Path) -> None:
    limits = TargetLimits(dtype="bfloat16", padding=-7)
    failure = failure_of("limited_topk:bfloat16_alone", "padding", case_of([1.0], k=2), limits)
    done = run(script_of(failure, failure.target, "cpu", tmp_path / "a.safetensors"), tmp_path)
    assert "row 0: [-1] behind the last column; expected -7\n" == done.told


def test_a_target_that_raises_fails_the_script(tmp_path: Path) -> None:
    failure = failure_of("limited_topk:takes_nothing", "exact-set", case_of(ROW))
    done = run(script_of(failure, failure.target, "cpu", tmp_path / "a.safetensors"), tmp_path)
    assert 1 == done.returncode and "NotImplementedError: not on this machine" in done.told


@pytest.mark.parametrize(
    ("promise", "target", "words"),
    [
        ("graph-replay", "a:b", "graph-replay needs the package"),
        ("trace-agreement", "a:b", "trace-agreement needs the package"),
        ("exact-set", "emulator", "target is 'emulator'; expected module:function"),
        ("tail-independent", "a:b", "no other form that shows tail-independent"),
    ],
)
def test_what_a_script_cannot_show_is_told(promise: str, target: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(NoScript) as told:
        script_of(failure_of(target, promise, case_of(ROW)), target, "cpu", tmp_path / "a.safetensors")
    assert words in str(told.value)


def test_a_saved_case_is_read_as_captured_scores_are(tmp_path: Path) -> None:
    case = case_of(ROW, ROW[:3], gap=2, offset=1)
    save_case(failure_of("a:b", "exact-set", case), tmp_path / "case.safetensors")
    with safe_open(tmp_path / "case.safetensors", "pt") as file:
        assert torch.equal(case.logits.nan_to_num(9.0), file.get_tensor("logits").nan_to_num(9.0))
        assert case.lengths.tolist() == file.get_tensor("lengths").tolist()
        assert case.storage.numel() == file.get_tensor("storage").numel()
        expected = {"offset": "1", "row_stride": "10", "k": "2", "property": "exact-set", "target": "a:b"}
        assert expected == file.metadata()


def test_limits_and_row_are_kept_in_the_file(tmp_path: Path) -> None:
    limits = TargetLimits(max_rows=3, ks=(2, 4), contiguous=True, dtype="bfloat16", padding=-7)
    failure = replace(failure_of("a:b", "exact-set", case_of(ROW, ROW), limits), row=1)
    again = load(save(failure, tmp_path / "a.zip"))
    assert (limits, 1) == (again.takes, again.row)


def test_lengths_are_those_of_the_call_that_failed(tmp_path: Path) -> None:
    """A target of others is put legal lengths, unless others are the question."""
    case = case_of(ROW, lengths=[-4])
    for promise, length in (("exact-set", 1), ("short-lengths", -4)):
        script = script_of(failure_of("a:b", promise, case), "a:b", "cpu", tmp_path / "a.safetensors")
        assert f"ints([{length}])" in script
