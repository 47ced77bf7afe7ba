"""Rows shared without clusters, on any GPU: a cooperative launch that exchanges through the workspace.

calls.launch(cooperative=True) makes teams as on a device that has no clusters.
"""

from __future__ import annotations

import pytest
import torch
from test_gpu_graphs import (
    BATCHES,
    REPLAYS,
    Captured,
    check_beside_a_hog,
    check_is_its_launches,
    check_on_two_streams,
)

from persistent_topk.cuda import calls
from persistent_topk.reference import dispatch, oracle
from persistent_topk.reference.plan import make_plan
from persistent_topk.reference.policy import COMPACT, LATENCY, SMALL, TINY, Policy
from persistent_topk.reference.trace import TRACE_DTYPE, new_trace
from persistent_topk.verify.cases.families import FAMILIES, Setting
from persistent_topk.verify.judging.trace_difference import first_difference
from persistent_topk.verify.targets.gpu import on_device

POLICIES = [LATENCY, COMPACT, SMALL, TINY]
by_policy = pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
POISON = -777_777
VISITS = {LATENCY: 4, COMPACT: 4, SMALL: 16, TINY: 16}  # grid points of each family
SEED = 20260102
BYTES = 256  # values of a byte


def dirty_workspace(rows: int, columns: int, policy: Policy) -> torch.Tensor:
    """What such a call needs, full of other bytes, and not where it is aligned."""
    device = torch.cuda.current_device()
    size = calls.lay_out(rows, columns, device, policy, cooperative=True).workspace_bytes
    return torch.randint(0, BYTES, (size + 1,), dtype=torch.uint8, device="cuda")[1:]


def shared_topk(logits, lengths, k: int, policy: Policy, trace=None) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """int32 [rows, k] over poison; trace: uint8 of records, zeroed, or None."""
    output = torch.full((logits.shape[0], k), POISON, dtype=torch.int32, device="cuda")
    workspace = dirty_workspace(*logits.shape, policy)
    calls.launch(logits, lengths, output, workspace, k, policy, trace, cooperative=True)
    return output


@by_policy
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_agrees_with_the_oracle_and_the_models_records(family: str, policy: Policy) -> None:
    chosen = FAMILIES[family]
    if chosen.fixed_sizes and policy in (SMALL, TINY):
        pytest.skip("rows too long for a small policy")
    limits = calls.device_limits(torch.cuda.current_device()).without_clusters()
    for visit in range(min(VISITS[policy], chosen.size)):
        setting = Setting(policy.name, 40 if policy in (SMALL, TINY) else 2048, "h100")
        case = chosen.make(setting, chosen.parameters(visit, SEED), SEED + visit)
        logits, lengths = on_device(case)
        ctas = make_plan(case.rows, case.columns, limits, policy).records
        records = torch.zeros(case.rows * ctas * TRACE_DTYPE.itemsize, dtype=torch.uint8, device="cuda")
        found = shared_topk(logits, lengths, case.k, policy, records)
        assert torch.equal(oracle.topk(logits, lengths, case.k), found), f"wrong rows in {case.origin}"
        assert torch.equal(found, shared_topk(logits, lengths, case.k, policy)), "other bytes without records"
        model = new_trace(case.rows, ctas)
        dispatch.topk(case.logits, case.lengths, case.k, policy=policy, limits=limits, trace=model)
        difference = first_difference(records.cpu().numpy().view(TRACE_DTYPE).reshape(model.shape), model)
        assert difference is None, f"{difference.told('gpu')} in {case.origin}"


@by_policy
@pytest.mark.parametrize("rows", [1, 2, 5, 16, 66])
def test_teams_of_every_size_agree(policy: Policy, rows: int) -> None:
    columns = 5 * policy.medium_max // 2
    generator = torch.Generator(device="cuda").manual_seed(rows)
    logits = torch.randn(rows, columns, generator=generator, device="cuda").mul_(100).round_()
    lengths = torch.randint(-3, columns + 4, (rows,), generator=generator, device="cuda", dtype=torch.int32)
    k = min(2048, policy.split_min)
    assert torch.equal(oracle.topk(logits, lengths, k), shared_topk(logits, lengths, k, policy))


class Cooperative(Captured):
    """A graph of one cooperative launch."""

    def workspace_size(self) -> int:
        device = torch.cuda.current_device()
        return calls.lay_out(*self.logits.shape, device, cooperative=True).workspace_bytes

    def launch(self) -> None:
        calls.launch(self.logits, self.lengths, self.output, self.workspace, self.k, cooperative=True)


@pytest.mark.parametrize(("rows", "columns", "k"), BATCHES)
def test_replays_follow_lengths_and_logits_over_dirty_workspaces(rows: int, columns: int, k: int) -> None:
    captured = Cooperative(rows, columns, k, seed=rows)
    for index in range(REPLAYS):
        captured.replay(index)
    assert int(captured.wrong) == 0


def test_two_graphs_on_two_streams_wait_for_each_other_at_most() -> None:
    graphs = [Cooperative(4, 131072, 2048, seed=1), Cooperative(16, 70000, 512, seed=2)]
    check_on_two_streams(graphs)


def test_no_deadlock_beside_a_kernel_that_holds_most_sms() -> None:
    captured = Cooperative(3, 131072, 2048, seed=3)
    check_beside_a_hog(captured)


def test_a_captured_call_is_its_launches_and_nothing_else() -> None:
    check_is_its_launches(Cooperative(3, 131072, 2048, seed=4))


def test_a_larger_workspace_serves_smaller_calls() -> None:
    device = torch.cuda.current_device()
    sizes = [
        calls.lay_out(rows, columns, device, cooperative=True).workspace_bytes
        for rows, columns in ((1, 16384), (1, 131072), (66, 131072), (1000, 131072), (1000, 1 << 20))
    ]
    assert sizes[0] == 0 and sizes == sorted(sizes) and sizes[2] == sizes[3]


def test_launch_without_the_workspace_it_needs_gets_one() -> None:
    logits = torch.randn(2, 131072, device="cuda")
    lengths = torch.full((2,), 131072, dtype=torch.int32, device="cuda")
    output = torch.full((2, 2048), POISON, dtype=torch.int32, device="cuda")
    calls.launch(logits, lengths, output, None, 2048, cooperative=True)
    assert torch.equal(oracle.topk(logits, lengths, 2048), output)
