"""Triggers of published failures of kernels of this kind, with the sizes that the reports name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..case import FILLS, Case, lay_out
from ..values import CONTENTS, ONE, bit_of, bits_of
from .bins import placed
from .family import Setting, family

# Sizes in this file are those of the reports; they are inputs, not limits of ours.
CAPACITIES = (1024, 2048, 3708, 4096, 16384)
Trigger = Callable[[np.random.Generator, dict[str, Any]], Case]


def normal_rows(random: np.random.Generator, *lengths: int) -> list[np.ndarray]:
    return [CONTENTS["normal"](random, n) for n in lengths]


def shorter_than_stride(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """vLLM 51593: stride 16384, the last lengths -1 and 0."""
    lengths = [16384, 9000, 16384, 3000, 12000, 16384, -1, 0]
    return lay_out(normal_rows(random, *[16384] * 8), lengths=lengths, **{**call, "k": 2048})


def lengths_as_unsigned(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """SGLang 30378: lengths in [-4, 1] read as unsigned."""
    return lay_out(normal_rows(random, *[8192] * 6), lengths=[-4, -3, -2, -1, 0, 1], **{**call, "k": 2048})


def underflowing_lengths(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """FlashInfer 2486: 8 x 131072 with lengths of 4096, two rows kept."""
    rows = normal_rows(random, 4096, 4096)
    return lay_out(rows, columns=131072, tail=FILLS["1e30"], **{**call, "k": 2048})


def ring_of_histograms(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """vLLM 49139: lengths 32769, 2048, 32769 taken by one group of CTAs."""
    return lay_out(normal_rows(random, 32769, 2048, 32769), **{**call, "k": 2048})


def uniform_in_a_bin(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """vLLM 51782: uniform in [1.0, 1.245), one column beyond 16384 and more."""
    rows = [CONTENTS["one-bin"](random, n) for n in (16384, 16385, 16512)]
    return lay_out(rows, **call)


def normals_256k(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """SGLang 36807: normal scores, 256K columns; the 8-bit threshold bin holds about 4336."""
    return lay_out(normal_rows(random, 262144), **{**call, "k": 2048})


def full_12_bit_bin(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """SGLang 35257: more than 2048 scores in one 12-bit bin."""
    row = placed(random, 20000, bits_of(np.full(700, 3.0)), CONTENTS["one-fine-bin"](random, 2500), "spread")
    return lay_out([row], **{**call, "k": 2048})


def ten_low_bits(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """vLLM 26554 and TileLang 1351: values that differ in their low ten bits only."""
    other = (ONE | random.integers(0, 1 << 10, 8192)).astype(np.uint32)
    return lay_out([CONTENTS["low-bits"](random, 12000), other], **call)


def ramp_of_bits(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """FlashInfer 2604: bit patterns 0x3F800000 + i over 65536 columns, k 1024."""
    return lay_out([CONTENTS["bit-ramp"](random, 65536)], **{**call, "k": 1024})


def winners_among_zeros(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """SGLang 30512: length 8320, k 2048, 100 winners and 8220 zeros; 500 over a large tie class."""
    rows = []
    for winners in (100, 500):
        row = np.zeros(8320, np.uint32)
        row[random.permutation(8320)[:winners]] = bits_of(1.0 + random.random(winners, np.float32))
        rows.append(row)
    return lay_out(rows, **{**call, "k": 2048})


def infinity_at_the_boundary(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """FlashInfer 4811 and SGLang 30512: +inf among the winners, and as the k-th value."""
    some, many = normal_rows(random, 9000, 9000)
    some[random.permutation(9000)[:3]] = bits_of(np.inf)
    many[random.permutation(9000)[:3000]] = bits_of(np.inf)
    return lay_out([some, many], **{**call, "k": 2048})


def sentinels_over_minus_inf(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """SGLang 38829: width 51, 3 finite values among -inf, k 16."""
    row = np.full(51, bit_of(-np.inf), np.uint32)
    row[random.permutation(51)[:3]] = normal_rows(random, 3)[0]
    return lay_out([row], **{**call, "k": 16})


def nan_fractions(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """vLLM 49896: 50, 83 and 100 % NaN."""
    rows = []
    for fraction in (0.5, 0.83, 1.0):
        nan = CONTENTS["all-nan"](random, 6000)
        rows.append(np.where(random.random(6000) < fraction, nan, CONTENTS["normal"](random, 6000)))
    return lay_out(rows, **call)


def all_tied(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """TensorRT-LLM 15756: 32768 equal values, the largest k."""
    return lay_out([np.full(32768, ONE, np.uint32)], **{**call, "k": 4096})


def exactly_k_valid(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """TileLang 2513: rows with exactly k columns, and padding that could be column 0."""
    return lay_out(normal_rows(random, 2048, 2047, 1, 2049), columns=9000, **{**call, "k": 2048})


def counted_tail_lanes(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """cuDNN frontend 446: scores under -65504, or fewer than k finite ones, beside -inf tail lanes."""
    low = bits_of(-65504.0 - 1e6 * random.random(9001, np.float32))
    few = np.full(9003, bit_of(-np.inf), np.uint32)
    few[random.permutation(9003)[:500]] = normal_rows(random, 500)[0]
    return lay_out([low, few], columns=9100, tail=FILLS["-inf"], **{**call, "k": 2048})


def quantised(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """TensorRT-LLM 18338: (randn * 8).round() / 4 over 16384 columns, k 512; and a row of zeros."""
    return lay_out([CONTENTS["few"](random, 16384), np.zeros(4096, np.uint32)], **{**call, "k": 512})


def low_precision_ties(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """omlx 2243, aiter 4376, vLLM 54521: scores of BF16, and scores x 100 rounded."""
    return lay_out([CONTENTS["bfloat16"](random, 30000), CONTENTS["rounded"](random, 30000)], **call)


def four_way_ties(random: np.random.Generator, call: dict[str, Any]) -> Case:
    """llama.cpp 28497: block scores copied to four cells each, width 2051."""
    row = np.repeat(CONTENTS["normal"](random, 513), 4)[:2051]
    return lay_out([row], **{**call, "k": min(call["k"], 1023)})


TRIGGERS: dict[str, Trigger] = {
    "uniform-in-a-bin": uniform_in_a_bin,
    "winners-among-zeros": winners_among_zeros,
    "ten-low-bits": ten_low_bits,
    "sentinels-over-minus-inf": sentinels_over_minus_inf,
    "nan-fractions": nan_fractions,
    "shorter-than-stride": shorter_than_stride,
    "infinity-at-the-boundary": infinity_at_the_boundary,
    "quantised": quantised,
    "ramp-of-bits": ramp_of_bits,
    "lengths-as-unsigned": lengths_as_unsigned,
    "counted-tail-lanes": counted_tail_lanes,
    "full-12-bit-bin": full_12_bit_bin,
    "four-way-ties": four_way_ties,
    "low-precision-ties": low_precision_ties,
    "ring-of-histograms": ring_of_histograms,
    "exactly-k-valid": exactly_k_valid,
    "all-tied": all_tied,
    "underflowing-lengths": underflowing_lengths,
    "normals-256k": normals_256k,
}


@family("published", fixed_sizes=True, trigger=tuple(TRIGGERS))
def published(random: np.random.Generator, setting: Setting, trigger: str) -> Case:
    """Inputs of published failures, rebuilt."""
    return TRIGGERS[trigger](random, setting.call())


@family("capacities", fixed_sizes=True, capacity=CAPACITIES, delta=(0, 1, -1, 2), place=("spread", "late"))
def capacities(random: np.random.Generator, setting: Setting, capacity: int, delta: int, place: str) -> Case:
    """One bin holds what published candidate buffers hold, one less, one more, and twice as much."""
    count = 2 * capacity if delta == 2 else capacity + delta
    n = max(count + 1, count + count // 4)
    above = min(setting.k // 2, n - count)
    greater = bits_of(2.0 + random.random(above, np.float32))
    return lay_out(
        [placed(random, n, greater, CONTENTS["one-fine-bin"](random, count), place)], **setting.call()
    )
