"""The trivial path of the model: every column, and a trace of nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from path_checks import run_row

from persistent_topk.reference.policy import POLICIES, Policy
from persistent_topk.reference.trace import TRIVIAL, new_trace


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda policy: policy.name)
@pytest.mark.parametrize(("length", "k"), [(0, 1), (1, 1), (5, 6), (6, 6), (4096, 4096), (1, 4096)])
def test_all_columns_whatever_they_hold(policy: Policy, length: int, k: int) -> None:
    columns, records = run_row(torch.full((length,), float("nan")), k, policy, ctas=2)
    assert columns.tolist() == list(range(length))
    expected = new_trace(1, 2)[0]
    expected[0]["path"], expected[0]["ctas"], expected[0]["end"] = TRIVIAL, 1, length
    assert np.array_equal(records, expected)
