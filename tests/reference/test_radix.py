"""The stages that the paths share, each against a definition by counting or sorting."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from persistent_topk.reference import radix
from persistent_topk.reference.order import GREATEST_KEY, LOWEST_KEY, bin_floor_key
from persistent_topk.reference.policy import DIGITS, MAX_PASSES, SMALL
from persistent_topk.reference.radix import Cut, Interval
from persistent_topk.reference.trace import ALL_TAKEN, new_trace

KEYS = st.lists(
    st.integers(LOWEST_KEY, GREATEST_KEY) | st.integers(0xBF800000, 0xBF800200), min_size=1, max_size=200
)


def record():
    return new_trace(1, 1)[0]


def interval_of(keys: list[int], low: int, high: int, k: int) -> Interval:
    above = sum(key > high for key in keys)
    return Interval(low, high, above, sum(low <= key <= high for key in keys), k - above)


def test_a_histogram_counts_and_merging_adds() -> None:
    first = radix.histogram(torch.tensor([0, 2, 2], dtype=torch.int32), 4)
    assert first.tolist() == [1, 0, 2, 0]
    assert radix.merge([first, radix.histogram(torch.tensor([], dtype=torch.int32), 4), first]).tolist() == [
        2,
        0,
        4,
        0,
    ]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.data())
def test_the_threshold_bin_holds_the_wanted_element(counts: list[int], data: st.DataObject) -> None:
    elements = [bin for bin, count in enumerate(counts) for _ in range(count)][::-1]
    if not elements:
        return
    wanted = data.draw(st.integers(1, len(elements)))
    bin, above, count = radix.threshold_bin(torch.tensor(counts), wanted)
    assert bin == elements[wanted - 1]
    assert (above, count) == (sum(counts[bin + 1 :]), counts[bin])


@pytest.mark.parametrize("bits", [8, 11])
def test_the_coarse_interval_is_its_bins_keys(bits: int) -> None:
    counts = torch.ones(1 << bits, dtype=torch.int64)
    for bin in range(1 << bits):
        interval = radix.coarse(counts, (1 << bits) - bin, record())
        floor = bin_floor_key(bin, bits)
        after = GREATEST_KEY if bin == (1 << bits) - 1 else bin_floor_key(bin + 1, bits) - 1
        assert interval == Interval(floor, after, (1 << bits) - 1 - bin, 1, 1)


@given(KEYS, st.data())
def test_digit_passes_end_at_the_kth_key(keys: list[int], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(keys)))
    tensor = torch.tensor(keys)
    interval = interval_of(keys, LOWEST_KEY, GREATEST_KEY, k)
    while interval.low != interval.high:
        counts = radix.digit_histogram(tensor, interval)
        assert counts.numel() == DIGITS and int(counts.sum()) == interval.count
        narrowed = radix.digit_pass(interval, counts, True, record())
        assert narrowed == replace(
            interval_of(keys, narrowed.low, narrowed.high, k), passes=interval.passes + 1
        )
        assert narrowed.high - narrowed.low < interval.high - interval.low
        interval = narrowed
    assert interval.low == sorted(keys)[-k] and interval.passes <= MAX_PASSES


def test_a_pass_records_the_interval_before_and_the_counts_after() -> None:
    keys = torch.tensor([0x1000_0000, 0x2000_0000, 0x2000_0001])
    written = new_trace(1, 2)[0]
    interval = Interval(0x1000_0000, 0x2FFF_FFFF, above=4, count=3, wanted=1)
    narrowed = radix.digit_pass(interval, radix.digit_histogram(keys, interval), False, written)
    assert (written["passes"] == 1).all()
    step = written[1]["pass"][0]
    assert [step[name] for name in ("over_row", "low", "shift", "digit", "above", "count")] == [
        0,
        0x1000_0000,
        21,
        0x80,
        4,
        2,
    ]
    assert narrowed == Interval(0x2000_0000, 0x201F_FFFF, 4, 2, 1, passes=1)


@pytest.mark.parametrize(
    ("count", "wanted", "low", "high", "settled"),
    [(5, 5, 0, 9, True), (5, 4, 0, 9, False), (5, 4, 9, 9, True), (1, 1, 0, 9, True)],
)
def test_an_interval_is_settled(count: int, wanted: int, low: int, high: int, settled: bool) -> None:
    assert Interval(low, high, 0, count, wanted).settled is settled


@pytest.mark.parametrize(
    ("high", "shift"), [(0, 0), (255, 0), (256, 1), (511, 1), (512, 2), (0xFFFFFFFF, 24)]
)
def test_a_digits_shift_spans_the_interval_and_no_more(high: int, shift: int) -> None:
    assert Interval(0, high, 0, 2, 1).shift == shift


@pytest.mark.parametrize("extra", [0, 1])
def test_the_spill_stops_when_candidates_fit(extra: int) -> None:
    keys = LOWEST_KEY + torch.arange(SMALL.candidates + extra) * 1000
    interval = interval_of(keys.tolist(), LOWEST_KEY, GREATEST_KEY, 3)
    written = record()
    left = radix.spill([keys[:20], keys[20:]], interval, SMALL.candidates, new_trace(1, 2)[0])
    radix.spill([keys], interval, SMALL.candidates, written)
    assert left.count <= SMALL.candidates and (left.passes > 0) == bool(extra)
    assert written["spilled"] == extra and written["chunk_count"] == left.count


def test_gathering_keeps_column_order_over_chunks() -> None:
    chunks = [torch.tensor([5, 9, 4]), torch.tensor([6]), torch.tensor([1, 7])]
    assert radix.gather(chunks, Interval(4, 7, 1, 4, 2)).tolist() == [5, 4, 6, 7]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.data())
def test_ranking_cuts_at_the_wanted_candidate(candidates: list[int], data: st.DataObject) -> None:
    wanted = data.draw(st.integers(1, len(candidates)))
    cut = radix.rank(torch.tensor(candidates), wanted)
    threshold = sorted(candidates)[-wanted]
    greater, equal = sum(c > threshold for c in candidates), candidates.count(threshold)
    assert cut == Cut(threshold, ALL_TAKEN if greater + equal == wanted else wanted - greater)


def test_a_settled_interval_becomes_a_cut() -> None:
    assert radix.settle(Interval(4, 9, 0, 3, 3)) == Cut(4, ALL_TAKEN)
    assert radix.settle(Interval(4, 4, 0, 3, 2)) == Cut(4, 2)
    assert radix.settle(Interval(4, 4, 0, 3, 3)) == Cut(4, ALL_TAKEN)


@pytest.mark.parametrize(
    ("cut", "equal_before", "columns"),
    [
        (Cut(5, 2), 0, [100, 101, 103]),
        (Cut(5, 2), 1, [100, 101]),
        (Cut(5, 2), 2, [100]),
        (Cut(5, ALL_TAKEN), 0, [100, 101, 103, 104]),
        (Cut(10, 1), 0, []),
    ],
)
def test_emission_takes_the_lowest_columns_of_ties(cut: Cut, equal_before: int, columns: list[int]) -> None:
    assert radix.emit(torch.tensor([9, 5, 4, 5, 5]), 100, cut, equal_before).tolist() == columns
