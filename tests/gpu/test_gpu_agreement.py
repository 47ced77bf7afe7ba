"""The kernel on a GPU against the oracle and, stage by stage, against the model."""

from __future__ import annotations

import pytest
import torch
from gpu_calls import guarded_topk

from persistent_topk.cuda import calls, gpu
from persistent_topk.reference import dispatch, oracle
from persistent_topk.reference.plan import make_plan
from persistent_topk.reference.policy import POLICIES, SHIPPED, by_name
from persistent_topk.reference.trace import new_trace
from persistent_topk.verify.cases.families import FAMILIES, Setting
from persistent_topk.verify.judging.trace_difference import first_difference
from persistent_topk.verify.targets.gpu import on_device

SMALL_K = (1, 5, 40)
SHIPPED_K = (512, 2048, 4096)
SMALL_VISITS = 40  # grid points of each family under a small policy and one k
SHIPPED_VISITS = 6
TRACED_EVERY = 4
SEED = 20260101


def cases(name: str, policy: str | None, k: int, visits: int):
    """Cases of a family, walked over its whole grid."""
    family = FAMILIES[name]
    for visit in range(min(visits, family.size)):
        parameters = family.parameters(visit, SEED)
        yield visit, family.make(Setting(policy, k, "h100"), parameters, SEED + visit)


def check_case(case, traced: bool) -> None:
    """Outputs against the oracle; with `traced`, records against the model's, planned for this GPU."""
    logits, lengths = on_device(case)
    policy = case.chosen_policy
    found = guarded_topk(logits, lengths, case.k, policy)
    expected = oracle.topk(logits, lengths, case.k)
    assert torch.equal(expected, found), f"wrong rows in {case.origin}"
    if not traced:
        return
    limits = calls.device_limits(0)
    ctas = make_plan(case.rows, case.columns, limits, policy).records
    record, model = new_trace(case.rows, ctas), new_trace(case.rows, ctas)
    gpu.topk(logits, lengths, case.k, policy=policy, trace=record)
    dispatch.topk(case.logits, case.lengths, case.k, policy=policy, limits=limits, trace=model)
    difference = first_difference(record, model)
    assert difference is None, f"{difference.told('gpu')} in {case.origin}"


@pytest.mark.parametrize("k", SMALL_K)
@pytest.mark.parametrize("policy", ["small", "tiny"])
@pytest.mark.parametrize("family", sorted(name for name in FAMILIES if not FAMILIES[name].fixed_sizes))
def test_small_policies_agree_on_every_family(family: str, policy: str, k: int) -> None:
    for visit, case in cases(family, policy, k, SMALL_VISITS):
        check_case(case, traced=visit % TRACED_EVERY == 0)


@pytest.mark.parametrize("k", SHIPPED_K)
@pytest.mark.parametrize("policy", [None, *(policy.name for policy in SHIPPED)])
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_shipped_policies_agree_on_every_family(family: str, policy: str | None, k: int) -> None:
    for visit, case in cases(family, policy, k, SHIPPED_VISITS):
        check_case(case, traced=visit % TRACED_EVERY == 0)


@pytest.mark.parametrize("rows", [1, 3, 33, 131, 132, 133, 600])
@pytest.mark.parametrize("columns", [0, 1, 8192, 32769, 131072, 1 << 20])
def test_the_library_plans_as_the_model_does(rows: int, columns: int) -> None:
    limits = calls.device_limits(0)
    for policy in (None, *POLICIES.values()):
        assert make_plan(rows, columns, limits, policy) == calls.lay_out(rows, columns, 0, policy).plan


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("columns", [1, 31, 100, 257, 700, 5000])
def test_many_rows_of_mixed_lengths_agree(policy: str, columns: int) -> None:
    generator = torch.Generator(device="cuda").manual_seed(columns)
    rows, k = 2000, 48
    logits = torch.randn(rows, columns, generator=generator, device="cuda").mul_(8).round_()
    lengths = torch.randint(-3, columns + 4, (rows,), generator=generator, device="cuda", dtype=torch.int32)
    found = guarded_topk(logits, lengths, k, by_name(policy))
    assert torch.equal(oracle.topk(logits, lengths, k), found)


@pytest.mark.parametrize(("rows", "columns"), [(0, 5), (3, 0)])
def test_empty_calls_are_answered(rows: int, columns: int) -> None:
    logits = torch.zeros(rows, columns, device="cuda")
    lengths = torch.full((rows,), 9, dtype=torch.int32, device="cuda")
    found = gpu.topk(logits, lengths, 4)
    assert torch.equal(torch.full((rows, 4), -1, dtype=torch.int32, device="cuda"), found)


def test_shipped_kernels_keep_nothing_in_local_memory() -> None:
    for policy in SHIPPED:
        registers, local_bytes = calls.usage(policy, tracing=False, device=0)
        assert 0 < registers and local_bytes == 0, f"{policy.name} spills {local_bytes} bytes a thread"
