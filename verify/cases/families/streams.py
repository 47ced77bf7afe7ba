"""Rows whose chunks exceed registers and the map: samples that mislead, lists that fill."""

from __future__ import annotations

import numpy as np

from ....reference.plan import DeviceLimits, make_plan
from ....reference.policy import MAX_K, MOST_SHARED, Policy, by_name
from ....reference.stream import rank_in_samples
from ..case import DEVICES, Case, lay_out
from ..values import CONTENTS, ONE, bits_of
from .bins import REMAINDERS, in_bin, taken_of
from .family import Setting, family
from .lengths import SMALL_CONTENTS
from .samples import alike_below, sampled_columns

WORD = 32  # chunks are whole words of a ballot
OCTAVES = 30.0  # lesser values are spread over so many, hence over many bins


def segment_of(policy: Policy) -> int:
    """Columns that are emitted at a time; where that is too many to emulate, so many as registers hold."""
    return min(policy.map, policy.register_columns)


def device_of(setting: Setting, shared: bool = True) -> DeviceLimits:
    """The setting's device, or one that shares a row between two CTAs where more would cost too much; one
    that shares none where it is not to be `shared`."""
    if not shared:
        return DEVICES["single"]
    return setting.limits if setting.boundaries.map == segment_of(setting.boundaries) else DEVICES["pair"]


def whole_words(columns: int) -> int:
    """The number of columns rounded up to whole words of a ballot, as a chunk has them."""
    return -(-columns // WORD) * WORD


def one_row(row: np.ndarray, setting: Setting, limits: DeviceLimits, k: int) -> Case:
    """The setting's call with one row, on that device."""
    return lay_out([row], k=k, policy=setting.policy, limits=limits)


def shared_between(setting: Setting, chunk: int, limits: DeviceLimits | None = None) -> int:
    """CTAs of a row that has as many chunks of that length as there are CTAs of the device."""
    most = setting.boundaries.max_ctas * chunk
    policy = None if setting.policy is None else by_name(setting.policy)
    return make_plan(1, most, limits or device_of(setting), policy).ctas


def spread_below(random: np.random.Generator, n: int) -> np.ndarray:
    """n values below 0, a few in each of many bins."""
    return bits_of(-np.exp2(OCTAVES * (random.random(n, np.float32) - 0.5)))


@family("segments", segments=(2, 3), remainder=REMAINDERS, extra=(1, 77), odd=(0, 5))
def segments(
    random: np.random.Generator, setting: Setting, segments: int, remainder: str, extra: int, odd: int
) -> Case:
    """Few columns stand out, a plateau is cut, and greater values are where a map's segments begin."""
    policy = setting.boundaries
    segment = segment_of(policy)
    chunk = whole_words(segments * segment + extra)
    ctas = shared_between(setting, chunk)
    n = ctas * chunk - odd
    k = min(setting.k, n // 2)  # few columns, whatever k was asked for
    count = max(2, min(k, policy.survivors // 4))
    greater = k - taken_of(count, k, remainder)
    starts = [c * chunk + start for c in range(ctas) for start in range(segment, chunk - odd, segment)]
    others = np.setdiff1d(random.permutation(n), starts)
    columns = np.concatenate([starts[:greater], random.permutation(others)]).astype(np.int64)
    row = spread_below(random, n)
    row[columns[:greater]] = bits_of(2.0 + random.random(greater, np.float32))
    row[columns[greater : greater + count]] = ONE
    return one_row(row, setting, device_of(setting), k)


def least_k_without_bound(columns: int, policy: Policy) -> int:
    """The least k for which a sample of such chunks gives no bound, or MAX_K."""
    ranks = (k for k in range(1, MAX_K) if rank_in_samples(k, columns, policy) > policy.sample)
    return next(ranks, MAX_K)


@family("k-over-a-sample", excess=(0, 99, -1), shared=(True, False), content=SMALL_CONTENTS, extra=(5, 100))
def k_over_a_sample(
    random: np.random.Generator, setting: Setting, excess: int, shared: bool, content: str, extra: int
) -> Case:
    """A stream's sample has too few columns to give a bound."""
    policy = setting.boundaries
    limits = device_of(setting, shared)
    chunk = whole_words(2 * policy.register_columns + extra)
    k = min(MAX_K, least_k_without_bound(chunk, policy) + excess)
    row = CONTENTS[content](random, shared_between(setting, chunk, limits) * chunk)
    return one_row(row, setting, limits, k)


@family("crowded-late", extra=(5, 100), odd=(0, 21))
def crowded_late(random: np.random.Generator, setting: Setting, extra: int, odd: int) -> Case:
    """What is selected lies behind the first tiles, so that a list fills faster than these let expect."""
    policy = setting.boundaries
    k = min(MAX_K, policy.survivors // 2)
    chunk = whole_words(8 * policy.register_columns + extra)
    ctas = shared_between(setting, chunk)
    late = [c * chunk + np.arange(2 * policy.tile, chunk - odd) for c in range(ctas)]
    row = spread_below(random, ctas * chunk - odd)
    row[random.permutation(np.concatenate(late))[:k]] = bits_of(2.0 + random.random(k, np.float32))
    return one_row(row, setting, device_of(setting), k)


@family("crowded-chunks", crowded=("last", "first"), values=("apart", "equal"), extra=(5, 100))
def crowded_chunks(
    random: np.random.Generator, setting: Setting, crowded: str, values: str, extra: int
) -> Case:
    """One chunk has most of what is selected: its list is nearly full, though of fewer than k."""
    policy = setting.boundaries
    k = min(MAX_K, policy.survivors - policy.survivors // 16)
    chunk = whole_words(2 * policy.register_columns + extra)
    ctas = shared_between(setting, chunk)
    crowd = min(k, policy.survivors * 3 // 4)
    first = 0 if crowded == "first" else ctas - 1
    chunks = [c * chunk + random.permutation(chunk) for c in range(ctas)]
    others = np.concatenate([*(chunks[:first] + chunks[first + 1 :]), chunks[first][crowd:]])
    columns = np.concatenate([chunks[first][:crowd], others[: k - crowd]])
    row = spread_below(random, ctas * chunk)
    row[columns] = ONE if values == "equal" else bits_of(2.0 + random.random(k, np.float32))
    return one_row(row, setting, device_of(setting), k)


@family(
    "misled-samples",
    greatest=("in", "beside"),
    values=("apart", "equal"),
    others=("spread", "alike"),
    extra=(5, 100),
    odd=(0, 21),
)
def misled_samples(
    random: np.random.Generator,
    setting: Setting,
    greatest: str,
    values: str,
    others: str,
    extra: int,
    odd: int,
) -> Case:
    """A sample has the greatest columns, so that its bound is too high, or none of them."""
    policy = setting.boundaries
    k = min(MAX_K, 2 * policy.survivors)
    chunk = whole_words(4 * policy.register_columns + extra)
    ctas = shared_between(setting, chunk)
    n = ctas * chunk - odd
    columns_of_chunk = chunk if ctas > 1 else n
    sampled = sampled_columns(n, columns_of_chunk, policy)
    if greatest == "in":
        columns = random.permutation(sampled)[: rank_in_samples(k, columns_of_chunk, policy)]
    else:
        columns = random.permutation(np.setdiff1d(np.arange(n), sampled))[:k]
    row = spread_below(random, n) if others == "spread" else alike_below(random, n)
    row[columns] = ONE if values == "equal" else bits_of(2.0 + random.random(columns.size, np.float32))
    return one_row(row, setting, device_of(setting), k)


@family("bins-over-a-half-word", content=("one-bin", "all-nan", "equal"), most=(2000, 1))
def bins_over_a_half_word(random: np.random.Generator, setting: Setting, content: str, most: int) -> Case:
    """A chunk has more columns in a bin than the 16-bit counts that CTAs exchange can hold."""
    chunk = whole_words(MOST_SHARED + 1)
    limits = DEVICES["pair"]
    ctas = shared_between(setting, chunk, limits)
    row = CONTENTS[content](random, ctas * chunk)
    return one_row(row, setting, limits, most)


@family(
    "full-lists",
    excess=(0, 1, -1),
    shared=(False, True),
    content=("bit-ramp", "equal-one", "one-fine-bin"),
    extra=(5, 100),
)
def full_lists(
    random: np.random.Generator, setting: Setting, excess: int, shared: bool, content: str, extra: int
) -> Case:
    """Each list of a stream is full to its last place, or of one column more or less."""
    policy = setting.boundaries
    limits = device_of(setting, shared)
    k = min(MAX_K, policy.survivors // 2)
    chunk = whole_words(4 * policy.register_columns + extra)
    ctas = shared_between(setting, chunk, limits)
    count = policy.survivors + excess
    of_a_sample = -(-rank_in_samples(k, chunk, policy) // ctas)  # enough for the bound to be the crowded bin
    row = spread_below(random, ctas * chunk)
    sampled = sampled_columns(chunk, chunk, policy)
    others = np.setdiff1d(np.arange(chunk), sampled)
    for begin in range(0, len(row), chunk):
        columns = random.permutation(sampled)[:of_a_sample]
        columns = np.append(columns, random.permutation(others)[: count - of_a_sample])
        row[begin + columns] = in_bin(random, content, count)
    return one_row(row, setting, limits, k)
