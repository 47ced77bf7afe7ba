"""Targets in processes of their own: whatever one does is a verdict about one case."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from places import SHARED

from persistent_topk.verify.cases.case import lay_out
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.targets import TargetFailure, TargetMisnamed, TargetUnavailable, inside, resolve
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.isolated import IsolatedTarget
from persistent_topk.verify.targets.target import POISONS

HERE = Path(__file__).parent  # functions of this file are targets
PATIENT = 0.5  # of the watchdog's limits: 1 s a call
GOOD = lay_out([bits_of(np.array([1.0, 3.0, 2.0]))], 2)
SHORT = lay_out([bits_of(np.array([1.0, 3.0, 2.0]))], 2, lengths=[0])


@pytest.fixture(autouse=True)
def tests_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)


@pytest.fixture
def isolated(request: pytest.FixtureRequest) -> Iterator[IsolatedTarget]:
    target = IsolatedTarget(FunctionTarget(request.param), patience=PATIENT)
    target.prepare()
    yield target
    target.close()


def answer(target: IsolatedTarget) -> list[list[int]]:
    return target.call(GOOD, POISONS[0], "").indices.tolist()


@pytest.mark.starts_workers
@pytest.mark.parametrize("isolated", ["wrong_topk:correct", "bad_topk:chatters"], indirect=True)
def test_answers_come_through(isolated: IsolatedTarget) -> None:
    assert answer(isolated) == [[1, 2]]
    assert answer(isolated) == [[1, 2]]


@pytest.mark.parametrize(
    ("isolated", "kind", "words"),
    [
        ("wrong_topk:hangs", "hang", "no answer within"),
        ("wrong_topk:crashes", "crash", "SIGSEGV"),
        ("wrong_topk:leaves", "crash", "exited with status 7"),
        ("wrong_topk:loses_its_gpu", "raised", "an illegal memory access"),
    ],
    indirect=["isolated"],
)
def test_a_broken_call_is_told_and_the_next_one_answers(
    isolated: IsolatedTarget, kind: str, words: str
) -> None:
    assert answer(isolated) == [[1, 2]]
    with pytest.raises(TargetFailure, match=words) as told:
        isolated.call(SHORT, POISONS[0], "")
    assert told.value.kind == kind
    assert answer(isolated) == [[1, 2]]


@pytest.mark.parametrize(
    ("isolated", "kind"),
    [
        ("bad_topk:exits", "exit"),
        ("bad_topk:wrong_shape", "wrong shape"),
        ("bad_topk:wrong_dtype", "wrong dtype"),
        ("bad_topk:returns_nothing", "wrong type"),
        ("bad_topk:raises", "raised"),
    ],
    indirect=["isolated"],
)
def test_an_answer_that_is_none_is_told(isolated: IsolatedTarget, kind: str) -> None:
    with pytest.raises(TargetFailure) as told:
        answer(isolated)
    assert told.value.kind == kind


@pytest.mark.parametrize("isolated", ["wrong_topk:forks"], indirect=True)
def test_a_forked_copy_does_not_answer(isolated: IsolatedTarget) -> None:
    assert [answer(isolated) for _ in range(3)] == [[[1, 2]]] * 3


@pytest.mark.parametrize("isolated", ["wrong_topk:writes_inputs"], indirect=True)
def test_changed_inputs_are_told(isolated: IsolatedTarget) -> None:
    assert isolated.call(GOOD, POISONS[0], "").damage == "logits or lengths were changed"


@pytest.mark.starts_workers
def test_a_module_that_exits_when_imported_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leaving.py").write_text("import os; os._exit(5)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TargetUnavailable, match="exited with status 5"):
        resolve("leaving:topk").prepare()


def test_names_are_checked() -> None:
    with pytest.raises(TargetMisnamed, match="expected module:function or one of model, emulator, gpu"):
        inside("nothing")


def test_torch_topk_is_an_adapter() -> None:
    target = resolve("torch.topk")
    target.prepare()
    assert sorted(answer(target)[0]) == [1, 2]  # type: ignore[arg-type]
    target.close()


HANGING_CHECKER = """
import sys
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.isolated import IsolatedTarget
from test_targets import POISONS, SHORT
target = IsolatedTarget(FunctionTarget("wrong_topk:hangs"), patience=100)
target.prepare()
print(target._process.pid, flush=True)
target.call(SHORT, POISONS[0], "")
"""


def test_a_hanging_target_ends_with_a_killed_checker() -> None:
    environment = {**os.environ, "PYTHONPATH": f"{SHARED}{os.pathsep}{HERE}"}
    with subprocess.Popen(
        [sys.executable, "-c", HANGING_CHECKER], stdout=subprocess.PIPE, text=True, env=environment
    ) as checker:
        assert checker.stdout is not None
        worker = Path("/proc", checker.stdout.readline().strip())
        assert worker.exists()
        checker.kill()
    deadline = time.monotonic() + 20
    while worker.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not worker.exists()
