"""Rows whose chunks are longer than registers, a sample or a map: what their columns on a list meet."""

from __future__ import annotations

import numpy as np

from ...reference.plan import DeviceLimits, make_plan
from ...reference.policy import MAX_K, Policy, by_name
from ..cases import DEVICES, Case, lay_out
from ..values import CONTENTS, ONE, bits_of
from .bins import REMAINDERS, taken_of
from .family import Setting, family
from .lengths import SMALL_CONTENTS

WORD = 32  # chunks are whole words of a ballot
OCTAVES = 30.0  # lesser values are spread over so many, hence over many bins


def segment_of(policy: Policy) -> int:
    """Columns that are emitted at a time; where that is too many to emulate, so many as a sample has."""
    return min(policy.map, policy.sample)


def device_of(setting: Setting) -> DeviceLimits:
    """The setting's device, or one that shares a row between two CTAs where more would cost too much."""
    return setting.limits if setting.boundaries.map == segment_of(setting.boundaries) else DEVICES["pair"]


def shared_between(setting: Setting, chunk: int) -> int:
    """CTAs of a row that has as many chunks of that length as there are CTAs."""
    most = setting.boundaries.max_ctas * chunk
    policy = None if setting.policy is None else by_name(setting.policy)
    return make_plan(1, most, setting.k, device_of(setting), policy).ctas


def spread_below(random: np.random.Generator, n: int) -> np.ndarray:
    """n values below 0, a few in each of many bins."""
    return bits_of(-np.exp2(OCTAVES * (random.random(n, np.float32) - 0.5)))


@family("segments", segments=(2, 3), remainder=REMAINDERS, extra=(1, 77), odd=(0, 5))
def segments(
    random: np.random.Generator, setting: Setting, segments: int, remainder: str, extra: int, odd: int
) -> Case:
    """Few columns stand out, a plateau is cut, and greater values are where a map's segments begin."""
    policy, k = setting.boundaries, setting.k
    segment = segment_of(policy)
    chunk = -(-(segments * segment + extra) // WORD) * WORD
    ctas = shared_between(setting, chunk)
    n = ctas * chunk - odd
    count = max(2, min(k, policy.survivors // 4))
    greater = k - taken_of(count, k, remainder)
    starts = [c * chunk + start for c in range(ctas) for start in range(segment, chunk - odd, segment)]
    others = np.setdiff1d(random.permutation(n), starts)
    columns = np.concatenate([starts[:greater], random.permutation(others)]).astype(np.int64)
    row = spread_below(random, n)
    row[columns[:greater]] = bits_of(2.0 + random.random(greater, np.float32))
    row[columns[greater : greater + count]] = ONE
    return lay_out([row], **{**setting.call(), "limits": device_of(setting)})


@family("k-over-a-sample", excess=(1, 100, 0), content=SMALL_CONTENTS, extra=(5, 100))
def k_over_a_sample(
    random: np.random.Generator, setting: Setting, excess: int, content: str, extra: int
) -> Case:
    """A stream's first columns are fewer than k, so that they say nothing about what is selected."""
    sample = setting.boundaries.sample
    chunk = -(-(2 * sample + extra) // WORD) * WORD
    row = CONTENTS[content](random, shared_between(setting, chunk) * chunk)
    call = {**setting.call(), "limits": device_of(setting), "k": min(MAX_K, sample + excess)}
    return lay_out([row], **call)


@family("crowded-chunks", crowded=("last", "first"), values=("apart", "equal"), extra=(5, 100))
def crowded_chunks(
    random: np.random.Generator, setting: Setting, crowded: str, values: str, extra: int
) -> Case:
    """One chunk's sample has most of what is selected: its list is nearly full, though of fewer than k."""
    policy = setting.boundaries
    k = min(MAX_K, policy.survivors - policy.survivors // 16)
    chunk = -(-(2 * policy.sample + extra) // WORD) * WORD
    ctas = shared_between(setting, chunk)
    crowd = min(k, policy.survivors * 3 // 4)
    first = 0 if crowded == "first" else ctas - 1
    samples = [c * chunk + random.permutation(policy.sample) for c in range(ctas)]
    others = np.concatenate([*(samples[:first] + samples[first + 1 :]), samples[first][crowd:]])
    columns = np.concatenate([samples[first][:crowd], others[: k - crowd]])
    row = spread_below(random, ctas * chunk)
    row[columns] = ONE if values == "equal" else bits_of(2.0 + random.random(k, np.float32))
    return lay_out([row], **{**setting.call(), "limits": device_of(setting), "k": k})
