"""Rows shared without clusters: through the workspace, in a cooperative launch, on the emulator."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from path_checks import same_bin
from recipes import lengths, recipes
from test_emulator import SCHEDULES, TEST_POLICIES, check, mixed_rows, trace_of

from persistent_topk.cuda import emulated
from persistent_topk.cuda.emulated import EmulationError, Schedule
from persistent_topk.cuda.emulator.build import KERNEL
from persistent_topk.reference.plan import A100, DeviceLimits, make_plan
from persistent_topk.reference.policy import COMPACT, SMALL, TINY

# Teams of 4 for mixed_rows(), and of 2 where there is no SM to spare.
UNCLUSTERED = DeviceLimits(sms=32, cluster=1, shared_bytes=A100.shared_bytes)
NARROW = DeviceLimits(sms=17, cluster=1, shared_bytes=A100.shared_bytes)


@pytest.mark.parametrize("limits", [UNCLUSTERED, NARROW], ids=lambda limits: f"{limits.sms} SMs")
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("policy", TEST_POLICIES, ids=lambda policy: policy.name)
def test_every_schedule_gives_the_contract_and_the_models_records(policy, schedule, limits):
    logits, rows, k = mixed_rows(policy)
    expected = min(policy.max_ctas, 4 if limits is UNCLUSTERED else 2)
    assert make_plan(*logits.shape, limits, policy).ctas == expected
    check(logits, rows, k, policy, limits, Schedule.parse(schedule))


def two_levels(length: int, greater: int) -> torch.Tensor:
    """So many columns above all others, spread over the row."""
    row = torch.zeros(length)
    row[:: length // greater][:greater] = 2.0
    return row


# Rows of SMALL in teams of 4: chunks of one tile, of registers and longer ones; what is made of them.
ROWS = {
    "in a tile": torch.randn(1000, generator=torch.Generator().manual_seed(1)),
    "in registers": torch.randn(1500, generator=torch.Generator().manual_seed(2)),
    "streamed": torch.randn(2048, generator=torch.Generator().manual_seed(3)),
    "streamed in vain": torch.arange(2048.0),
    "settled": two_levels(2000, 40),
    "spilled": same_bin(2048),
    "spilled in a tile": same_bin(900),
    "one value": torch.zeros(1900),
    "ties": (torch.randn(2000, generator=torch.Generator().manual_seed(4)) * 2).round(),
    "not shared": torch.randn(300, generator=torch.Generator().manual_seed(5)),
    "ranked at once": torch.logspace(-4, 4, 1000),
    "taken whole": torch.randn(33, generator=torch.Generator().manual_seed(6)),
}


@pytest.mark.parametrize("schedule", ["round_robin", "reverse", "random:seed=5"])
@pytest.mark.parametrize("name", ROWS)
def test_row_of_every_sort_beside_the_others(name, schedule):
    others = [ROWS["streamed"], ROWS["taken whole"]]
    rows = [ROWS[name], *others, ROWS[name].flip(0)]
    logits = torch.stack([torch.nn.functional.pad(row, (0, 2048 - len(row))) for row in rows])
    counts = torch.tensor([len(row) for row in rows], dtype=torch.int32)
    check(logits, counts, 40, SMALL, UNCLUSTERED, Schedule.parse(schedule))


@pytest.mark.parametrize(("policy", "length"), [(TINY, 65), (SMALL, 513), (SMALL, 545)])
def test_chunks_of_a_few_columns(policy, length):
    row = torch.randn(1, length, generator=torch.Generator().manual_seed(length))
    assert make_plan(1, length, UNCLUSTERED, policy).ctas == policy.max_ctas
    check(row, torch.tensor([length], dtype=torch.int32), length - 1, policy, UNCLUSTERED)


@settings(max_examples=40)
@given(st.data())
def test_any_row_any_length_any_k(data):
    policy = data.draw(st.sampled_from(TEST_POLICIES))
    k = data.draw(st.sampled_from([1, 2, policy.rank_max, policy.candidates, policy.decode_max]))
    count = data.draw(lengths(policy, k, most=2 * policy.medium_max))
    row = data.draw(recipes()).row(count)
    schedule = data.draw(st.sampled_from(["round_robin", "reverse", "random:seed=1"]))
    rows = torch.tensor([count], dtype=torch.int32)
    check(row[None], rows, k, policy, UNCLUSTERED, Schedule.parse(schedule))


@pytest.mark.parametrize(("length", "k"), [(16_384, 2048), (16_385, 64), (40_000, 2048), (150_000, 4096)])
def test_policy_of_devices_with_little_shared_memory(length, k):
    logits = torch.randn(1, length, generator=torch.Generator().manual_seed(length))
    assert make_plan(1, length, A100).policy is COMPACT
    check(logits, torch.tensor([length], dtype=torch.int32), k, COMPACT, A100)


def altered(folder: Path, file: str, *changes: tuple[str, str]) -> Path:
    """A copy of the kernel's headers with the one occurrence of each text replaced."""
    kernel = shutil.copytree(KERNEL, folder / "kernel")
    text = (kernel / file).read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{file} has {text.count(old)} of {old!r}"
        text = text.replace(old, new)
    (kernel / file).write_text(text)
    return kernel


MAIL, GRID = "workspace_mail.cuh", "ptx_grid.cuh"
MISTAKES = {
    "no grid barrier": (MAIL, ("ptx::grid_barrier();", "")),
    "counters not cleared": (MAIL, ("area.arrivals[threadIdx.x] = 0;", ";")),
    "no release": (GRID, ("emulator::add_release(&arrivals, 1);", "atomicAdd(&arrivals, 1u);")),
    "no acquire": (
        GRID,
        (
            "emulator::load_acquire(&arrivals)",
            "emulator::load_atomic(&arrivals, emulator::Order::kRelaxed)",
        ),
    ),
    "arrival before the others have stored": (
        MAIL,
        ("__syncthreads();\n    if (threadIdx.x == 0) ptx::arrive", "if (threadIdx.x == 0) ptx::arrive"),
    ),
    "nobody waits": (
        MAIL,
        ("if (threadIdx.x == 0) ptx::await_arrivals(area.arrivals[exchange], ctas);", ""),
    ),
    "one of the CTAs is not waited for": (
        MAIL,
        ("arrivals[exchange], ctas)", "arrivals[exchange], ctas - 1)"),
    ),
    "counted from the others' area": (MAIL, ("area.words[exchange][rank]", "area.words[exchange][0]")),
}


def judged(logits, rows, k, kernel, **options):
    """The kind of what an altered kernel does wrong with a call. Its one entry alone is compiled."""
    where = {"policy": SMALL, "limits": UNCLUSTERED}
    trace = trace_of(logits, **where)
    with pytest.raises(EmulationError) as caught:
        emulated.run(logits, rows, k, **where, trace=trace, kernel=kernel, brief=True, **options)
    return caught.value.kind


def row_of(values):
    return values[None], torch.tensor([values.numel()], dtype=torch.int32)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_found_without_luck(tmp_path, mistake):
    file, change = MISTAKES[mistake]
    kernel = altered(tmp_path, file, change)
    found = judged(*mixed_rows(SMALL), kernel, access_budget=10**8)
    assert found in ("race", "unwritten-read", "deadlock", "runaway")


def test_exchange_that_is_used_twice_is_found(tmp_path):
    """Were the counter of one exchange another's too, some CTA would not wait for its peers."""
    once = ("exchange = of_chunks + 1 + pass;", "exchange = of_chunks + 1;")
    kernel = altered(tmp_path, "team.cuh", once)
    assert judged(*row_of(same_bin(2048)), 700, kernel) in ("race", "deadlock", "unwritten-read")


def test_candidates_that_are_ranked_before_all_are_copied_are_found(tmp_path):
    """Digit passes read what their own thread has copied; ranks compare with what the others have."""
    lost = ("= area.candidates[i];\n    __syncthreads();", "= area.candidates[i];")
    row = torch.logspace(-4, 4, 1000)  # fewer than SMALL.rank_max in each bin
    assert judged(*row_of(row), 40, altered(tmp_path, MAIL, lost)) in ("race", "unwritten-read")
