"""The production kernel on the emulator: the contract and the model's records, whatever the schedule."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import lengths, recipes

from persistent_topk import reference
from persistent_topk.cuda import emulated
from persistent_topk.cuda.emulated import EmulationError, Schedule
from persistent_topk.cuda.emulator.build import KERNEL
from persistent_topk.reference import oracle
from persistent_topk.reference.plan import H100, SMALL_DEVICE, DeviceLimits, make_plan
from persistent_topk.reference.policy import DENSE, LATENCY, POLICIES, SMALL, TINY, Policy
from persistent_topk.reference.trace import new_trace

ONE_TEAM = DeviceLimits(sms=1, cluster=1, shared_bytes=H100.shared_bytes)  # one CTA takes all rows
SCHEDULES = [
    "round_robin",
    "reverse",
    "starve:seed=1",
    "starve:seed=4",
    "random:seed=2",
    "pct:seed=3,steps=4096",
]
TEST_POLICIES = [SMALL, TINY]


def mixed_rows(policy: Policy) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Rows on all paths and the spill, in an awkward order."""
    columns = 2 * policy.medium_max
    generator = torch.Generator().manual_seed(7)
    logits = torch.randn(8, columns, generator=generator)
    logits[1] = logits[1].round()  # few distinct values
    logits[3:5] = 1 + torch.rand(2, columns, generator=generator) / 128  # one coarse bin: spills
    long, medium, decode = columns, policy.medium_max, policy.decode_max
    rows = torch.tensor([long, decode, 3, long, medium, 0, decode, decode + 1], dtype=torch.int32)
    return logits, rows, policy.candidates // 2


def trace_of(logits: torch.Tensor, policy: Policy, limits: DeviceLimits) -> np.ndarray:
    """A trace for a call of this shape."""
    return new_trace(len(logits), make_plan(*logits.shape, limits, policy).records)


def check(logits, rows, k, policy, limits=H100, schedule: Schedule | None = None) -> None:
    """The oracle's columns and the model's records, byte for byte."""
    record, model = trace_of(logits, policy, limits), trace_of(logits, policy, limits)
    found = emulated.topk(logits, rows, k, policy=policy, limits=limits, schedule=schedule, trace=record)
    reference.topk(logits, rows, k, policy=policy, limits=limits, trace=model)
    assert found.tolist() == oracle.topk(logits, rows, k).tolist()
    assert record.tobytes() == model.tobytes()


@pytest.mark.parametrize("limits", [H100, SMALL_DEVICE, ONE_TEAM], ids=lambda limits: f"{limits.sms} SMs")
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("policy", TEST_POLICIES, ids=lambda policy: policy.name)
def test_every_schedule_gives_the_contract_and_the_models_records(policy, schedule, limits):
    check(*mixed_rows(policy), policy, limits, Schedule.parse(schedule))


@pytest.mark.parametrize("policy", [LATENCY, DENSE], ids=lambda policy: policy.name)
@pytest.mark.parametrize("length", [2048, 8192, 16_384, 20_001, 32_768, 40_000])
def test_shipped_policies(policy, length):
    logits = torch.randn(1, length, generator=torch.Generator().manual_seed(length))
    check(logits, torch.tensor([length], dtype=torch.int32), 2048, policy)


@settings(max_examples=60)
@given(st.data())
def test_any_row_any_length_any_k(data):
    policy = data.draw(st.sampled_from(TEST_POLICIES))
    k = data.draw(st.sampled_from([1, 2, policy.rank_max, policy.candidates, policy.decode_max]))
    length = data.draw(lengths(policy, k, most=2 * policy.medium_max))
    beyond = data.draw(st.sampled_from([0, 1, 31, 100]))
    row = data.draw(recipes()).row(length + beyond)
    schedule = data.draw(st.sampled_from(["round_robin", "reverse", "random:seed=1"]))
    limits = data.draw(st.sampled_from([H100, SMALL_DEVICE]))
    check(row[None], torch.tensor([length], dtype=torch.int32), k, policy, limits, Schedule.parse(schedule))


@pytest.mark.parametrize("offset", range(4))
@pytest.mark.parametrize("padding", [0, 1, 3])
def test_kernel_sees_the_callers_memory_at_its_own_alignment(offset, padding):
    memory = torch.randn(4 * (700 + padding) + 4)
    logits = memory.as_strided((4, 700), (700 + padding, 1), offset)
    rows = torch.tensor([700, 699, 255, 800], dtype=torch.int32)
    before = memory.clone()
    assert emulated.topk(logits, rows, 20, policy=SMALL).tolist() == oracle.topk(logits, rows, 20).tolist()
    assert torch.equal(memory, before)


@pytest.mark.parametrize(("rows", "columns"), [(0, 10), (3, 0), (0, 0), (2, 1)])
def test_empty_shapes(rows, columns):
    logits, counts = torch.zeros(rows, columns), torch.full((rows,), columns, dtype=torch.int32)
    assert emulated.topk(logits, counts, 4, policy=TINY).tolist() == oracle.topk(logits, counts, 4).tolist()


def test_strides_that_no_element_uses():
    logits = torch.from_numpy(np.zeros((0, 5), np.float32))
    assert (0, 2) == tuple(emulated.topk(logits, torch.zeros(0, dtype=torch.int32), 2).shape)
    flat = torch.zeros(8).as_strided((3, 0), (0, 0))
    assert [[-1, -1]] * 3 == emulated.topk(flat, torch.full((3,), 5, dtype=torch.int32), 2).tolist()


def test_callers_output_is_written_in_place():
    output = torch.full((2, 3), 99, dtype=torch.int32)
    logits, rows = torch.randn(2, 50), torch.tensor([50, 2], dtype=torch.int32)
    assert emulated.topk(logits, rows, 3, policy=TINY, output=output) is output
    assert output.tolist() == oracle.topk(logits, rows, 3).tolist()


@pytest.mark.parametrize(
    ("changed", "error", "text"),
    [
        ({"trace": np.zeros((2, 2), np.int32)}, TypeError, "trace has dtype int32"),
        ({"trace": new_trace(2, 9)}, ValueError, "trace has shape"),
        ({"output": torch.zeros(2, 3)}, TypeError, "output is torch.float32"),
        ({"output": torch.zeros(3, 2, dtype=torch.int32)}, ValueError, "output has shape"),
        ({"policy": Policy(**{**vars(TINY), "candidates": 16})}, ValueError, "expected one that is compiled"),
    ],
)
def test_wrong_argument_is_named(changed, error, text):
    arguments = {"policy": TINY, **changed}
    with pytest.raises(error, match=text):
        emulated.topk(torch.zeros(2, 50), torch.zeros(2, dtype=torch.int32), 3, **arguments)


def without_line(folder: Path, file: str, line: str, number: int = 0) -> Path:
    """A copy of the kernel's headers in which the given occurrence of `line` is gone."""
    altered = shutil.copytree(KERNEL, folder / "kernel")
    pieces = (altered / file).read_text().split(line)
    assert len(pieces) > number + 1, f"{file} has no {line!r}"
    (altered / file).write_text(line.join(pieces[: number + 1]) + ";" + line.join(pieces[number + 1 :]))
    return altered


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("block.cuh", "__syncthreads();"),
        ("decode.cuh", "__syncthreads();"),
        ("refine.cuh", "__syncthreads();"),
    ],
)
def test_kernel_that_lost_a_barrier_is_found_without_luck(tmp_path, file, line):
    altered = without_line(tmp_path, file, line)
    logits, rows, k = mixed_rows(SMALL)
    trace = trace_of(logits, SMALL, H100)
    with pytest.raises(EmulationError) as caught:
        emulated.topk(logits, rows, k, policy=SMALL, trace=trace, kernel=altered, brief=True)
    assert caught.value.kind in ("race", "unwritten-read")
    assert ".cuh:" in str(caught.value)


def test_every_named_policy_is_compiled():
    assert all(emulated.load(policy) for policy in POLICIES.values())
