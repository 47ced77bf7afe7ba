"""The Python mirror of cuda/kernel/constants.cuh and trace.cuh is exact."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layout import POLICY_NUMBERS, read_layout

from persistent_topk.reference import arguments, policy, trace


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return read_layout(tmp_path_factory.mktemp("layout"))


def layout_of(dtype: np.dtype) -> dict[str, int]:
    assert dtype.fields is not None
    return {**{name: field[1] for name, field in dtype.fields.items()}, "size": dtype.itemsize}


def test_policies_equal_the_kernels(kernel: dict[str, Any]) -> None:
    assert [asdict(mirrored) for mirrored in policy.POLICIES.values()] == kernel["policies"]
    assert kernel["policy_size"] == len(POLICY_NUMBERS) * np.dtype(np.int32).itemsize, (
        "a field is not mirrored"
    )


def test_constants_equal_the_kernels(kernel: dict[str, Any]) -> None:
    mirrored = {
        name: getattr(module, name)
        for module in (policy, trace, arguments)
        for name in kernel["constants"]
        if hasattr(module, name)
    }
    assert kernel["constants"] == mirrored


def test_trace_records_have_the_kernels_layout(kernel: dict[str, Any]) -> None:
    assert kernel["trace"] == layout_of(trace.TRACE_DTYPE)
    assert kernel["pass_trace"] == layout_of(trace.PASS_DTYPE)


def test_a_policy_is_found_by_its_name() -> None:
    assert all(policy.by_name(name) is found for name, found in policy.POLICIES.items())
    with pytest.raises(ValueError, match=r"policy is 'huge'; expected one of .*small"):
        policy.by_name("huge")


@pytest.mark.parametrize(
    "change",
    [{"threads": 33}, {"rank_max": 10**6}, {"max_ctas": 17}, {"medium_max": 1}, {"held": 128}, {"held": 700}],
)
def test_an_inconsistent_policy_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(AssertionError):
        replace(policy.SMALL, **change)


def test_the_small_policies_reach_every_path_within_a_thousand_columns() -> None:
    for small in (policy.SMALL, policy.TINY):
        assert small.decode_max < small.split_min <= small.medium_max <= 1024
        assert small.decode_max < small.held < small.medium_max
        assert small.candidates < small.decode_max and small.rank_max < small.candidates


def test_new_traces_are_zero(tmp_path: Path) -> None:
    records = trace.new_trace(3, 2)
    assert records.shape == (3, 2) and not records.view(np.uint8).any()
