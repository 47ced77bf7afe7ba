"""Rows as a sparse-attention indexer computes them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..case import Case, lay_out
from ..values import bits_of
from .bins import PATHS, path_length
from .family import Setting, family


@lru_cache(maxsize=4)
def _logits(rows: int, context: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from ....reference.indexer import indexer_logits

    logits, lengths = indexer_logits(rows, context, seed=seed)
    return bits_of(logits.numpy()), lengths.numpy().astype(np.int64)


@family("indexer", path=PATHS, rows=(2, 4))
def indexer(random: np.random.Generator, setting: Setting, path: str, rows: int) -> Case:
    """Scores of a lightning indexer (FP8 queries and keys, ReLU, causal lengths): real zeros and ties."""
    logits, lengths = _logits(rows, path_length(path, setting), int(random.integers(1 << 16)))
    return lay_out(list(logits), lengths=lengths, **setting.call())
