"""The launches of an uneven call on the emulator: what the model says, row by row and record by record."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from persistent_topk.cuda.emulator.library import EmulationError, Schedule, Statistics
from persistent_topk.cuda.emulator.outputs import Outputs
from persistent_topk.cuda.emulator.topk import topk
from persistent_topk.reference import oracle
from persistent_topk.reference.call import Call
from persistent_topk.reference.dispatch import topk as model
from persistent_topk.reference.plan import H100, SMALL_DEVICE, DeviceLimits, make_plan
from persistent_topk.reference.policy import LATENCY, SMALL, Policy
from persistent_topk.reference.schedule import schedule
from persistent_topk.reference.trace import new_trace

SEVERAL = DeviceLimits(sms=16, cluster=4, shared_bytes=227 << 10, resident=(16, 8, 5, 4) + (0,) * 12)
SCHEDULES = (None, Schedule("reverse"), Schedule("starve", seed=3), Schedule("pct", seed=5, depth=3))


def check(
    lengths: list[int],
    columns: int,
    k: int,
    limits: DeviceLimits,
    policy: Policy | None,
    interleaving: Schedule | None = None,
) -> list[int]:
    """Runs the call on the emulator, against oracle and model; the CTAs of each row's larger team, or 0."""
    rows = len(lengths)
    generator = torch.Generator().manual_seed(rows * columns + k)
    logits = torch.randn(rows, columns, generator=generator).mul(4).round() / 4  # ties
    given = torch.tensor(lengths, dtype=torch.int32)
    plan = make_plan(rows, columns, limits, policy)
    expected, written = new_trace(rows, plan.records), new_trace(rows, plan.records)
    by_model = model(logits, given, k, policy=policy, limits=limits, trace=expected)
    output = topk(logits, given, k, policy=policy, limits=limits, schedule=interleaving, trace=written)
    assert output.tolist() == oracle.topk(logits, given, k).tolist() == by_model.tolist()
    np.testing.assert_array_equal(written, expected)
    taken = schedule(given.clamp(0, columns), k, plan, limits)
    return [one.ctas if one.begin >= 0 else 0 for one in taken]


@pytest.mark.parametrize("interleaving", SCHEDULES, ids=str)
def test_long_rows_among_short_ones(interleaving: Schedule | None) -> None:
    lengths = [10, 200, 0, 1500, 64, 250, 128, -5, 257, 90]
    assert check(lengths, 1500, 20, SMALL_DEVICE, SMALL, interleaving) == [0, 0, 0, 4, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("seed", range(6))
def test_teams_of_several_sizes_share_clusters(seed: int) -> None:
    random = np.random.default_rng(seed)
    lengths = [int(2 ** random.uniform(3, 11.5)) for _ in range(int(random.integers(9, 24)))]
    sizes = check(lengths, 3000, 16, SEVERAL, SMALL, Schedule("random", seed=seed))
    assert any(sizes)


def test_sizes_differ_within_a_cluster() -> None:
    lengths = [2000, 700, 700, 600, 100, 100, 100, 100, 100]
    assert sorted(check(lengths, 2000, 9, SEVERAL, SMALL)) == [0] * 5 + [2, 2, 2, 4]


def test_lengths_of_any_value_and_more_rows_than_threads() -> None:
    lengths = [5] * 150 + [2**31 - 1, -(2**31), 900] + [3] * 40
    sizes = check(lengths, 1000, 4, SEVERAL, SMALL)
    assert sizes[150] == sizes[152] > 0
    assert sum(sizes) == 2 * sizes[150]


def test_teams_by_the_plan_leave_the_longest_row_to_a_larger_one() -> None:
    columns = 200 * 1024
    plan = make_plan(34, columns, H100)
    assert plan.policy is LATENCY and plan.ctas > 1
    assert check([40] * 20 + [columns] + [17_000] + [60] * 12, columns, 50, H100, None)[20] == 16


def test_more_rows_than_sms_take_three_launches() -> None:
    columns = 70_000
    lengths = [30] * 100 + [66_000, 9000] + [20] * 31
    assert len(make_plan(len(lengths), columns, H100).launches) == 3
    assert check(lengths, columns, 40, H100, None)[100] > 0


@pytest.mark.parametrize(("times", "kind"), [(0, "unwritten-output"), (2, "written-twice")])
def test_a_row_that_no_launch_writes_or_two_do_is_a_failure(times: int, kind: str) -> None:
    outputs = Outputs(Call(torch.zeros(2, 9), torch.full((2,), 9, dtype=torch.int32), 3))
    output = outputs.selection.indices

    def launch(number: int) -> Statistics:
        output[0] = 7
        if number < times:
            output[1] = 8
        return Statistics(steps=1)

    with pytest.raises(EmulationError, match=r"output\[") as raised:
        outputs.launch_apart([0, 1], launch)
    assert raised.value.kind in (kind, "written-twice")
