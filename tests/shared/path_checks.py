"""Running one row through one path of the model and checking answer and trace."""

from __future__ import annotations

import numpy as np
import torch
from trace_facts import check_record

from persistent_topk.reference import oracle
from persistent_topk.reference.dispatch import choose_path, select_row
from persistent_topk.reference.policy import Policy
from persistent_topk.reference.schedule import Assignment
from persistent_topk.reference.trace import new_trace


def run_row(row: torch.Tensor, k: int, policy: Policy, ctas: int = 1) -> tuple[torch.Tensor, np.ndarray]:
    """The columns selected of float32 `row` and its records [ctas] of a team of `ctas` CTAs."""
    records = new_trace(1, ctas)[0]
    return select_row(row, k, Assignment(policy, ctas), records), records


def check_row(row: torch.Tensor, k: int, policy: Policy, path: int, ctas: int = 1) -> np.ndarray:
    """Assert that `row` takes `path`, that the answer is the contract's and the trace true; its records."""
    assert choose_path(row.numel(), k, Assignment(policy, ctas)) == path
    columns, records = run_row(row, k, policy, ctas)
    assert columns.tolist() == oracle.first_columns(row, k).tolist()
    assert (records["path"] == path).all() and records["ctas"][0] == len(records)
    check_record(row, k, policy, records)
    return records


def same_bin(count: int, seed: int = 0) -> torch.Tensor:
    """`count` floats of one coarse bin that differ in their low 12 bits only."""
    bits = torch.randint(0, 1 << 12, (count,), generator=torch.Generator().manual_seed(seed))
    return (0x3F800000 + bits).to(torch.int32).view(torch.float32)
