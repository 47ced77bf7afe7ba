"""The model as a whole: which path a row takes, and what must not change its answer."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recipes import Recipe, lengths, recipes

import persistent_topk
from persistent_topk import reference
from persistent_topk.reference import oracle
from persistent_topk.reference.dispatch import choose_path
from persistent_topk.reference.plan import H100, SMALL_DEVICE, make_plan
from persistent_topk.reference.policy import POLICIES, SMALL, TINY, Policy
from persistent_topk.reference.schedule import Assignment
from persistent_topk.reference.trace import DECODE, LARGE, MEDIUM, TRIVIAL, new_trace

ALL_POLICIES = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())


def int32(values: list[int]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int32)


@ALL_POLICIES
def test_paths_change_at_their_boundaries(policy: Policy) -> None:
    k = policy.decode_max // 2
    alone, team = Assignment(policy, 1), Assignment(policy, 2)
    for edge, below, above in (
        (k, TRIVIAL, DECODE),
        (policy.decode_max, DECODE, MEDIUM),
        (policy.medium_max, MEDIUM, LARGE),
    ):
        assert (choose_path(edge, k, alone), choose_path(edge + 1, k, alone)) == (below, above)
    unsplit = DECODE if policy.split_min == policy.decode_max else MEDIUM
    assert choose_path(policy.split_min, k, team) == unsplit
    assert choose_path(policy.split_min + 1, k, team) == LARGE
    assert choose_path(0, k, team) == TRIVIAL


def test_a_k_beyond_a_paths_rows_is_trivial() -> None:
    assert choose_path(SMALL.decode_max, SMALL.decode_max, Assignment(SMALL, 4)) == TRIVIAL
    assert choose_path(SMALL.medium_max + 1, SMALL.medium_max, Assignment(SMALL, 4)) == LARGE


@st.composite
def batches(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor, int, Policy]:
    """A few rows on any paths, in any order, with what lies behind their lengths drawn as well."""
    policy = draw(st.sampled_from([SMALL, TINY]))
    k = draw(st.integers(1, policy.medium_max))
    drawn = draw(st.lists(st.tuples(recipes(), lengths(policy, k)), min_size=1, max_size=4))
    columns = max(length for _, length in drawn) + draw(st.integers(0, 3))
    logits = torch.stack([recipe.row(columns) for recipe, _ in drawn])
    return logits, int32([length for _, length in drawn]), k, policy


@given(batches(), st.sampled_from([H100, SMALL_DEVICE]))
def test_the_model_is_the_oracle(batch: tuple, limits) -> None:
    logits, drawn, k, policy = batch
    answer = reference.topk(logits, drawn, k, policy=policy, limits=limits)
    assert torch.equal(answer, oracle.topk(logits, drawn, k))


@given(batches())
def test_the_trace_of_a_row_does_not_depend_on_its_batch_or_tail(batch: tuple) -> None:
    logits, drawn, k, policy = batch
    rows, columns = logits.shape
    plan = make_plan(rows, columns, H100, policy)
    trace = new_trace(rows, plan.records)
    answer = reference.topk(logits, drawn, k, policy=policy, trace=trace)
    changed = logits.clone()
    for row, length in enumerate(drawn.tolist()):
        changed[row, length:] = float("nan")
    changed, backwards = changed.flip(0), new_trace(rows, plan.records)
    assert torch.equal(
        reference.topk(changed, drawn.flip(0), k, policy=policy, trace=backwards), answer.flip(0)
    )
    assert np.array_equal(backwards[::-1], trace)


@ALL_POLICIES
@pytest.mark.parametrize("k", [1, 512, 2048, 4096])
def test_batches_that_mix_all_paths(policy: Policy, k: int) -> None:
    columns = 70_000
    mixed = int32([columns, 0, 8193, k, 65_536, -1, 65_537, k + 1, 8192, columns + 9, 2, 300])
    generator = torch.Generator().manual_seed(k)
    logits = (torch.randn(len(mixed), columns, generator=generator) * 8).round() / 4
    trace = new_trace(len(mixed), make_plan(*logits.shape, H100, policy).records)
    assert torch.equal(
        reference.topk(logits, mixed, k, policy=policy, trace=trace), oracle.topk(logits, mixed, k)
    )
    assert {TRIVIAL, LARGE} <= set(trace["path"][:, 0].tolist())


def test_neither_policy_nor_device_nor_layout_changes_the_answer() -> None:
    wide = torch.randn(3, 9000, generator=torch.Generator().manual_seed(0)).round()
    view, drawn = wide[:, 7:8007], int32([8000, 5000, 7999])
    expected = oracle.topk(view.contiguous(), drawn, 600)
    for policy in (None, *POLICIES.values()):
        for limits in (H100, SMALL_DEVICE):
            assert torch.equal(reference.topk(view, drawn, 600, policy=policy, limits=limits), expected)


def test_inputs_are_left_alone() -> None:
    logits, drawn = Recipe(((0xFF800001, 3), (1, 5))).row(400).reshape(1, 400), int32([999])
    before = logits.numpy().tobytes()
    reference.topk(logits, drawn, 9, policy=TINY)
    assert logits.numpy().tobytes() == before and drawn.tolist() == [999]


def test_wide_rows_and_the_largest_k() -> None:
    logits = torch.randn(1, 1 << 22, generator=torch.Generator().manual_seed(0))
    drawn = int32([1 << 22])
    assert torch.equal(reference.topk(logits, drawn, 4096), oracle.topk(logits, drawn, 4096))


@pytest.mark.parametrize(
    ("trace", "error", "words"),
    [
        (np.zeros((2, 1)), TypeError, "trace is float64; expected an array from new_trace"),
        ([], TypeError, "trace is .*list.*expected an array from new_trace"),
        (new_trace(1, 1), ValueError, r"trace has shape \[1, 1\]; expected \[2, 1\]"),
    ],
)
def test_a_trace_that_does_not_fit_is_refused(trace: object, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        reference.topk(torch.zeros(2, 8), int32([8, 8]), 3, trace=trace)


def test_a_policy_is_not_a_name() -> None:
    with pytest.raises(TypeError, match="policy is 'small'; expected a Policy"):
        reference.topk(torch.zeros(2, 8), int32([8, 8]), 3, policy="small")


def test_limits_are_not_a_name() -> None:
    with pytest.raises(TypeError, match="limits is 'h100'; expected DeviceLimits"):
        reference.topk(torch.zeros(2, 8), int32([8, 8]), 3, limits="h100")


def test_the_public_entry_takes_cpu_tensors_to_the_reference() -> None:
    logits, drawn = torch.tensor([[1.0, 3.0, 2.0]]), int32([3])
    assert persistent_topk.topk(logits, drawn, 2).tolist() == [[1, 2]]


def test_the_package_may_be_imported_twice() -> None:
    """pytest imports the root __init__.py under another name; nothing may happen but definitions."""
    root = Path(persistent_topk.__file__)
    spec = importlib.util.spec_from_file_location("imported_again", root)
    assert spec and spec.loader
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    assert again.__version__ == persistent_topk.__version__
    assert again.reference is persistent_topk.reference


def test_importing_the_package_needs_neither_kernel_nor_checker() -> None:
    program = (
        "import persistent_topk, sys; print([m for m in sys.modules if m.startswith('persistent_topk.')])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "persistent_topk.cuda" not in printed.stdout and "verify" not in printed.stdout
