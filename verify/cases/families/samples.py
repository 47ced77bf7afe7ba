"""Rows made for what the samples of their chunks see of them."""

from __future__ import annotations

import numpy as np

from ....reference.policy import Policy
from ....reference.stream import rank_in_samples, sample
from ..values import ONE, bits_of


def alike_below(random: np.random.Generator, n: int) -> np.ndarray:
    """n values below 0 in one bin."""
    return bits_of(-1.0 - random.random(n, np.float32) / 256)


def sampled_columns(n: int, chunk: int, policy: Policy) -> np.ndarray:
    """The columns of a row of n that are in the samples of its chunks."""
    return np.concatenate(
        [begin + sample(min(chunk, n - begin), chunk, policy).numpy() for begin in range(0, n, chunk)]
    )


def misled_row(random: np.random.Generator, n: int, k: int, policy: Policy) -> np.ndarray:
    """A row of one chunk whose sample has the greatest columns, and whose others overflow any list."""
    row = alike_below(random, n)
    row[random.permutation(sampled_columns(n, n, policy))[: rank_in_samples(k, n, policy)]] = ONE
    return row
