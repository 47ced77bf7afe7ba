"""The checker's target `gpu`, and functions on a GPU: each kind of damage is planted and must be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import wrong_topk

from persistent_topk.cuda import calls
from persistent_topk.verify.cases.case import Case, lay_out
from persistent_topk.verify.cases.values import CONTENTS
from persistent_topk.verify.judging.examination import Subject, examine
from persistent_topk.verify.properties import CLAIMS
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.gpu import GpuTarget
from persistent_topk.verify.targets.isolated import IsolatedTarget
from persistent_topk.verify.targets.target import TargetFailure

K = 64
Launch = Callable[..., None]


def case() -> Case:
    random = np.random.default_rng(1)
    rows = [CONTENTS["few"](random, n) for n in (3000, 9000, 50)]
    return lay_out(rows, K, lengths=[3000, 9000, 20], offset=1, gap=3)


def broken_of(
    target: GpuTarget | FunctionTarget, schedules: tuple[str, ...] = ("alone:7", "streams:9")
) -> set[str]:
    """The promises that the target breaks on the case."""
    target.prepare()
    measured = examine(target, Subject(case()), schedules)
    assert {"graph-replay", "repeatable-bytes", "inputs-untouched"} <= {item.promise for item in measured}
    return {item.promise for item in measured if item.broken}


def planted(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Launch, tuple[object, ...]], None]
) -> GpuTarget:
    """The target `gpu` over a launch that `change` has a hand in."""
    target = GpuTarget()
    target.prepare()
    original = calls.launch
    monkeypatch.setattr(calls, "launch", lambda *arguments: change(original, arguments))
    return target


def test_the_kernel_keeps_every_promise() -> None:
    assert broken_of(GpuTarget()) == set()
    assert broken_of(GpuTarget(), ("streams:0", "alone:255", "streams:128")) == set()


def test_a_write_behind_the_output_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(launch, arguments):  # type: ignore[no-untyped-def]
        launch(*arguments)
        output = arguments[2]
        torch.as_strided(output, (1,), (1,), output.storage_offset() + output.numel()).fill_(1)

    assert "inputs-untouched" in broken_of(planted(monkeypatch, change))


def test_a_changed_length_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(launch, arguments):  # type: ignore[no-untyped-def]
        launch(*arguments)
        arguments[1].fill_(1)

    assert "inputs-untouched" in broken_of(planted(monkeypatch, change))


def test_an_answer_that_depends_on_the_workspace_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.cuda.manual_seed(1)

    def change(launch, arguments):  # type: ignore[no-untyped-def]
        launch(*arguments)
        output, workspace = arguments[2], arguments[3]
        output[0, 0] = workspace[0].to(torch.int32)

    assert {"repeatable-bytes", "graph-replay"} <= broken_of(planted(monkeypatch, change))


def test_a_decision_taken_on_the_host_is_told_by_the_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def change(launch, arguments):  # type: ignore[no-untyped-def]
        logits, lengths, *rest = arguments
        if not torch.cuda.is_current_stream_capturing():
            seen[:] = [lengths.clone()]  # what a host would have read before the capture
        launch(logits, seen[0], *rest)

    assert "graph-replay" in broken_of(planted(monkeypatch, change))


def device_topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Correct, on the device, capturable."""
    columns = torch.arange(logits.shape[1], device=logits.device)
    n = lengths.clamp(0, logits.shape[1])[:, None]
    keys = torch.where(columns < n, wrong_topk.keys_of(logits), -1)
    order = torch.sort(keys, dim=1, descending=True, stable=True)
    chosen = torch.where(order.values[:, :k] >= 0, order.indices[:, :k], logits.shape[1])
    chosen = chosen.sort(dim=1).values
    padded = torch.full((len(logits), k), -1, dtype=torch.int32, device=logits.device)
    padded[:, : chosen.shape[1]] = torch.where(chosen < logits.shape[1], chosen, -1).int()
    return padded


def test_a_correct_function_on_a_gpu_keeps_every_promise() -> None:
    assert broken_of(FunctionTarget("device_topk", device_topk, CLAIMS["contract"], "cuda")) == set()


def test_a_function_that_shares_memory_between_calls_is_told() -> None:
    shared: dict[int, torch.Tensor] = {}

    def shares(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        kept = shared.setdefault(k, torch.zeros(1, dtype=torch.int32, device="cuda"))
        kept += 1
        found = device_topk(logits, lengths, k)
        found[0, 0] = kept[0]
        return found

    assert "repeatable-bytes" in broken_of(FunctionTarget("shares", shares, CLAIMS["contract"], "cuda"))


def asserts_on_short(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Reads beyond a tensor on the device, after which the process can use its GPU no more."""
    if int(lengths.min()) <= 0:
        one = torch.zeros(1, device="cuda")
        one[torch.full((1,), 9, device="cuda")] += 1
    return device_topk(logits, lengths, k)


def test_a_process_that_lost_its_gpu_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    name = f"{Path(__file__).stem}:asserts_on_short"
    target = IsolatedTarget(FunctionTarget(name, device="cuda"), "cuda")
    target.prepare()
    good = lay_out([CONTENTS["few"](np.random.default_rng(1), 100)], K)
    right = target.call(good, 0, "").indices
    for _ in range(2):
        with pytest.raises(TargetFailure, match="CUDA error"):
            target.call(replace(good, lengths=torch.zeros(1, dtype=torch.int32)), 0, "")
        assert (target.call(good, 0, "").indices == right).all()
    target.close()
