"""The soak's sample for the model: under the plan of the whole batch, from all over it, told by its place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from soak_fakes import HERE, KERNEL

from persistent_topk.reference import dispatch
from persistent_topk.reference.plan import SMALL_DEVICE, Plan, make_plan
from persistent_topk.reference.policy import DENSE, LATENCY, SHORT, Policy
from persistent_topk.verify.soak import stage
from persistent_topk.verify.soak.batches import Batch
from persistent_topk.verify.soak.stage import SAMPLE_ROWS, excerpt, trace_sample
from persistent_topk.verify.soak.tally import Tally

K = 64
# Rows and columns whose plan on a small device (8 SMs) is each policy's, and one that shares rows.
PLANS = {
    (40, 1000): Plan(SHORT, 1),
    (40, 16385): Plan(DENSE, 1),
    (3, 10_000): Plan(LATENCY, 1),
    (4, 40_000): Plan(LATENCY, 2),
    (7, 20_000): Plan(LATENCY, 1),
}


class ModelAsKernel:
    """Plans for a small device, and leaves the model's records; `calls` are the plans that it ran under."""

    def __init__(self) -> None:
        self.calls: list[Plan] = []
        self.wrong_row: int | None = None

    def plan_for(self, rows: int, columns: int, k: int, device: int, policy: Policy | None = None) -> Plan:
        return make_plan(rows, columns, SMALL_DEVICE, policy)

    def topk(
        self, logits: torch.Tensor, lengths: torch.Tensor, k: int, policy: Policy, trace: np.ndarray
    ) -> None:
        self.calls.append(self.plan_for(*logits.shape, k, 0, policy))
        dispatch.topk(logits, lengths, k, policy=policy, limits=SMALL_DEVICE, trace=trace)
        if self.wrong_row is not None:
            trace[self.wrong_row]["threshold"] += 1


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> ModelAsKernel:
    fake = ModelAsKernel()
    monkeypatch.setattr(stage, "gpu", fake)
    monkeypatch.setattr(stage.calls, "device_limits", lambda device: SMALL_DEVICE)
    return fake


def batch_of(rows: int, columns: int) -> Batch:
    """Rows of all columns, whose first tells the row's number: 1e6 and more, so that it is selected."""
    generator = torch.Generator().manual_seed(rows)
    logits = torch.randn(rows, columns, generator=generator)
    logits[:, 0] = 1e6 + torch.arange(rows)
    return Batch(logits, torch.full((rows,), columns, dtype=torch.int32), K, ["normal"])


@pytest.mark.parametrize(("rows", "columns"), PLANS)
def test_a_sample_runs_under_the_plan_of_its_batch(rows: int, columns: int, kernel: ModelAsKernel) -> None:
    plan, batch = PLANS[rows, columns], batch_of(rows, columns)
    of_batch = kernel.plan_for(rows, columns, K, 0)
    assert (plan.policy, plan.ctas) == (of_batch.policy, of_batch.ctas)
    found = Tally("long", 1, KERNEL, *HERE)
    trace_sample(batch, 3, found)
    assert [plan] == kernel.calls and 0 == found.trace_mismatches, found.failures
    assert {plan.policy.name: min(SAMPLE_ROWS, rows)} == found.policies
    assert found.traced == min(SAMPLE_ROWS, rows) == sum(found.paths.values())


def test_a_sample_is_of_few_rows_from_all_over_the_batch(kernel: ModelAsKernel) -> None:
    part = excerpt(batch_of(40, 16385))
    assert [0, 10, 20, 30] == (part.logits[:, 0] - 1e6).tolist()
    crowded = excerpt(batch_of(7, 20_000))  # with 4 rows, two CTAs would share each
    assert (5, 1) == (len(crowded.logits), crowded.step)


def test_a_record_unlike_the_models_is_told_by_its_row_of_the_batch(kernel: ModelAsKernel) -> None:
    kernel.wrong_row = 2
    found = Tally("short", 1, KERNEL, *HERE)
    trace_sample(batch_of(40, 1000), 30, found)
    assert 1 == found.trace_mismatches == found.wrong
    assert "short batch 30, policy short: row 20: decode, emit" in found.failures[0]
