"""The soak without a GPU: its batches, its oracles, stages that stop and go on, sums, with fake kernels."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from soak_fakes import HERE, KERNEL, TINY, FakeCub, FakeKernel

from persistent_topk.reference import oracle
from persistent_topk.reference.order import ordered_key
from persistent_topk.reference.policy import SHIPPED
from persistent_topk.verify.cases.arrangements import ORDERS
from persistent_topk.verify.cases.values import CONTENTS
from persistent_topk.verify.soak import second, stage, tally
from persistent_topk.verify.soak.batches import MOST_KINDS, STAGES, Stage, make_batch, mixed_rows
from persistent_topk.verify.soak.stage import run_stage
from persistent_topk.verify.soak.tally import CountedTwice, Tally, merge


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
    return FakeKernel.in_place(monkeypatch)


def test_a_batch_is_a_function_of_stage_seed_and_number() -> None:
    first, again, other = (make_batch(TINY, 3, number, "cpu") for number in (5, 5, 6))
    assert torch.equal(first.logits.view(torch.int32), again.logits.view(torch.int32))
    assert torch.equal(first.lengths, again.lengths) and first.k == again.k
    assert first.logits.shape != other.logits.shape or not torch.equal(first.lengths, other.lengths)


def test_batches_meet_strides_boundaries_and_lengths_that_are_none() -> None:
    batches = [make_batch(TINY, 1, number, "cpu") for number in range(120)]
    lengths = torch.cat([batch.lengths for batch in batches])
    assert {-1, 0, 16, 100} <= set(lengths.tolist()) and int(lengths.max()) == (1 << 31) - 1
    assert any(batch.logits.stride(0) > batch.logits.shape[1] for batch in batches)
    assert any(batch.logits.storage_offset() % 4 for batch in batches)
    assert 15 < len({kind for batch in batches for kind in batch.kinds})
    assert set(TINY.ks) == {batch.k for batch in batches}


def test_some_rows_are_sorted_and_told_so() -> None:
    met = set()
    for number in range(60):
        generator = torch.Generator().manual_seed(number)
        logits, kinds = mixed_rows(random.Random(number), generator, (MOST_KINDS, 30), 5)
        for keys, kind in zip(ordered_key(logits), kinds, strict=True):
            name, order = kind.split(", ")
            met.update((name, order))
            assert order != "ascending" or bool((keys.diff() >= 0).all())
            assert order != "descending" or bool((keys.diff() <= 0).all())
    assert {*CONTENTS, *ORDERS} == met


@pytest.mark.parametrize("sorted_at_a_time", [1, 1000, oracle.MOST_SORTED])
def test_the_oracle_selects_of_a_batch_what_it_selects_of_each_row(
    sorted_at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oracle, "MOST_SORTED", sorted_at_a_time)
    for number in range(60):
        batch = make_batch(TINY, 2, number, "cpu")
        found = oracle.topk(batch.logits, batch.lengths, batch.k)
        for row, answer in zip(range(len(found)), found, strict=True):
            length = int(batch.lengths[row].clamp(0, batch.logits.shape[1]))
            columns = oracle.first_columns(batch.logits[row, :length], batch.k)
            assert columns.tolist() == answer[answer >= 0].tolist(), (number, row)
            assert bool((answer[len(columns) :] == -1).all())


def test_a_stage_goes_on_where_it_stopped(tmp_path: Path, kernel: FakeKernel) -> None:
    path = tmp_path / "short-1.json"
    whole = run_stage(TINY, 1, 400, 60, tmp_path / "whole.json", device="cpu")
    part = run_stage(TINY, 1, 100, 60, path, device="cpu")
    assert 100 <= part.rows < whole.rows
    rest = run_stage(TINY, 1, 400, 60, path, device="cpu")
    assert (whole.rows, whole.next_batch, whole.kinds) == (rest.rows, rest.next_batch, rest.kinds)
    assert kernel.calls == 2 * whole.next_batch and 0 == rest.wrong
    assert rest.rows == run_stage(TINY, 1, 400, 60, path, device="cpu").rows


@pytest.mark.parametrize("changed", ["stage", "seed", "kernel", "gpu", "driver", "torch", "oracle"])
def test_a_tally_of_anything_else_is_not_gone_on_from(
    changed: str, tmp_path: Path, kernel: FakeKernel
) -> None:
    path = tmp_path / "short-1.json"
    run_stage(TINY, 1, 100, 60, path, device="cpu")
    found = tally.load(path, "short", 1, "")
    assert 100 <= found.rows
    setattr(found, changed, 2 if changed == "seed" else "another")
    found.save(path)
    assert 0 == tally.load(path, "short", 1, "").rows


def test_a_file_that_is_no_tally_is_not_gone_on_from(tmp_path: Path, kernel: FakeKernel) -> None:
    path = tmp_path / "short-1.json"
    assert 0 == tally.load(path, "short", 1, "").rows
    path.write_text("{")
    assert 0 == tally.load(path, "short", 1, "").rows


def test_a_wrong_row_is_counted_and_told(tmp_path: Path, kernel: FakeKernel) -> None:
    kernel.wrong = {2}
    found = run_stage(TINY, 1, 200, 60, tmp_path / "a.json", device="cpu")
    assert 1 == found.mismatches == found.wrong
    assert "short batch 2 (" in found.failures[0] and "1 rows wrong, first 0" in found.failures[0]


def test_a_kernel_that_writes_nothing_is_wrong_in_every_row(tmp_path: Path, kernel: FakeKernel) -> None:
    stage.calls.launch = lambda *_: None
    zeros = Stage("short", (1, 1), (8,), (1,), 1 << 12, (1,))  # most answers are [0]
    found = run_stage(zeros, 1, 80, 60, tmp_path / "a.json", device="cpu")
    assert 80 == found.rows == found.mismatches


def test_sums_are_of_distinct_stages_of_one_kernel() -> None:
    one = Tally("short", 1, KERNEL, *HERE, rows=10, seconds=2.0, second_rows=4, policies={"dense": 8})
    two = Tally("short", 2, KERNEL, *HERE, rows=30, seconds=2.0, trace_mismatches=1, second_mismatches=2)
    two.policies = {"dense": 4, "short": 4}
    first, again = Path("short-1.json"), Path("copy.json")
    total = merge({first: one, again: two})["short"]
    assert isinstance(total, dict) and {"dense": 12, "short": 4} == total["traced_policies"]
    assert (40, 3, 4, 10) == tuple(
        total[name] for name in ("rows", "mismatches", "second_oracle", "rows_per_second")
    )
    with pytest.raises(CountedTwice, match=r"short-1\.json and copy\.json count the same rows"):
        merge({first: one, again: one})
    with pytest.raises(ValueError, match=f"kernels {KERNEL}, another"):
        merge({first: one, again: Tally("long", 1, "another", *HERE)})


@pytest.mark.parametrize("takes_ties", [True, False])
def test_a_second_oracle_agrees_with_the_first(takes_ties: bool) -> None:
    other = second.SecondOracle(FakeCub(takes_ties), "cpu")
    assert (takes_ties, True, takes_ties) == (other.by_column, other.orders_nan, other.orders_zeros)
    for number in range(60):
        batch = make_batch(TINY, 4, number, "cpu")
        right = oracle.topk(batch.logits, batch.lengths, batch.k)
        opinion = other.opinion(batch.logits, batch.lengths, batch.k, right)
        assert bool(opinion.judged.all()) and not bool(opinion.differs.any()), number


def opinion_of(other: second.SecondOracle, row: list[float], k: int, output: list[int]) -> tuple[bool, bool]:
    logits, lengths = torch.tensor([row]), torch.tensor([len(row)], dtype=torch.int32)
    found = other.opinion(logits, lengths, k, torch.tensor([output], dtype=torch.int32))
    return bool(found.judged[0]), bool(found.differs[0])


def test_a_second_oracle_sees_wrong_values_and_where_it_can_wrong_ties() -> None:
    row = [1.0, 2.0, 3.0, 2.0]
    by_column, by_value = (second.SecondOracle(FakeCub(ties), "cpu") for ties in (True, False))
    for other in (by_column, by_value):
        assert (True, False) == opinion_of(other, row, 2, [1, 2])
        for wrong in ([0, 2], [2, -1], [2, 2], [2, 77]):
            assert (True, True) == opinion_of(other, row, 2, wrong)
        assert (True, True) == opinion_of(other, [1.0], 2, [0, 77])
    assert (True, True) == opinion_of(by_column, row, 2, [2, 3])
    assert (True, False) == opinion_of(by_value, row, 2, [2, 3])


def test_what_a_second_oracle_orders_otherwise_it_does_not_judge() -> None:
    library = FakeCub()
    library.orders_nan = library.orders_zeros = False
    other = second.SecondOracle(library, "cpu")
    assert not other.orders_nan and not other.orders_zeros and "NaN rows left out" in other.name
    assert (False, False) == opinion_of(other, [1.0, torch.nan, 2.0], 1, [0])
    assert (True, False) == opinion_of(other, [-0.0, 0.0, -1.0], 1, [0])
    assert (True, True) == opinion_of(other, [-0.0, 0.0, -1.0], 1, [2])
    logits, lengths = torch.zeros(2, 3), torch.tensor([1, 3], dtype=torch.int32)
    logits[:, 2] = torch.nan  # beyond the first row's length
    found = other.opinion(logits, lengths, 1, oracle.topk(logits, lengths, 1))
    assert [True, False] == found.judged.tolist() and not bool(found.differs.any())


def test_rows_that_a_second_oracle_does_not_take_are_not_its_own() -> None:
    other = second.SecondOracle(FakeCub(most_columns=8), "cpu")
    logits, lengths = torch.zeros(2, 9), torch.full((2,), 9, dtype=torch.int32)
    assert not bool(other.opinion(logits, lengths, 1, torch.zeros(2, 1)).judged.any())


def test_the_stages_meet_at_a_width_and_know_the_shipped_boundaries() -> None:
    assert STAGES["short"].columns[1] + 1 == STAGES["long"].columns[0]
    for policy in SHIPPED:
        for part in STAGES.values():
            assert {policy.decode_max, policy.held, policy.medium_max} <= set(part.boundaries)
