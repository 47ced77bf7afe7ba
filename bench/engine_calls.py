"""Calls as engines make them: rows of uneven lengths in a buffer that is made for the longest context."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from .cells import KIBI, kibi

DEFAULT_K = 2048

# The contexts of coding agents, in columns: share of requests, shortest, longest.
AGENT_CONTEXTS = (
    (0.02, 1, 4),
    (0.01, 4, 8),
    (0.03, 8, 16),
    (0.06, 16, 32),
    (0.14, 32, 64),
    (0.30, 64, 128),
    (0.35, 128, 256),
    (0.09, 256, 512),
)  # KIBI
AGENT_COLUMNS = 512 * KIBI


@dataclass(frozen=True)
class EngineCall:
    """name: how tables call it. lengths: int columns of each row, in the order of the call. columns: width of
    the buffer. k: columns selected."""

    name: str
    lengths: tuple[int, ...]
    columns: int
    k: int = DEFAULT_K

    @property
    def longest(self) -> int:
        """Columns of the longest row."""
        return max(self.lengths)

    @property
    def equal_length(self) -> int:
        """Columns of each row of a call of equal rows with as many columns in all."""
        return -(-sum(self.lengths) // len(self.lengths))


def shuffled(lengths: Iterable[int]) -> tuple[int, ...]:
    """The lengths in an order that is the same in every run."""
    some = list(lengths)
    random.Random(len(some)).shuffle(some)
    return tuple(some)


def log_uniform(rows: int, shortest: int, longest: int) -> tuple[int, ...]:
    """Lengths whose logarithms are spread evenly, quantile by quantile."""
    growth = longest / shortest
    return shuffled(round(shortest * growth ** ((row + 0.5) / rows)) for row in range(rows))


def agents(rows: int) -> tuple[int, ...]:
    """Lengths with the shares of AGENT_CONTEXTS, quantile by quantile."""
    return shuffled(_agent_quantile((row + 0.5) / rows) for row in range(rows))


def _agent_quantile(share: float) -> int:
    for part, shortest, longest in AGENT_CONTEXTS:
        if share <= part:
            return round(KIBI * (shortest + (longest - shortest) * share / part))
        share -= part
    return AGENT_COLUMNS


def queries(sequences: int, each: int, shortest: int, longest: int) -> tuple[int, ...]:
    """Speculative decoding: `each` rows a sequence, one column longer than the row before."""
    ends = log_uniform(sequences, shortest, longest)
    return tuple(end - each + 1 + query for end in ends for query in range(each))


def mix(columns: int, *groups: tuple[int, int]) -> EngineCall:
    """Groups of (rows, length) in a buffer of `columns`."""
    name = " + ".join(f"{rows} x {kibi(length)}" if rows > 1 else kibi(length) for rows, length in groups)
    lengths = shuffled(length for rows, length in groups for _ in range(rows))
    return EngineCall(f"{name} in {kibi(columns)}", lengths, columns)


def spread(rows: int, longest: int) -> EngineCall:
    """Log-uniform lengths from 1K on, in a buffer as wide as the longest may be."""
    return EngineCall(f"{rows} of 1K..{kibi(longest)}", log_uniform(rows, KIBI, longest), longest)


def causal(rows: int, context: int) -> EngineCall:
    """A chunk of a prefill: row i sees i columns more than the context before the chunk."""
    lengths = tuple(context - rows + 1 + row for row in range(rows))
    return EngineCall(f"prefill {rows} at {kibi(context)}", lengths, context)


CALLS: tuple[EngineCall, ...] = (
    mix(128 * KIBI, (1, 8 * KIBI)),
    *(mix(160 * KIBI, (rows, 8 * KIBI)) for rows in (32, 64, 128, 256)),
    mix(160 * KIBI, (512, 4 * KIBI)),
    mix(160 * KIBI, (512, 8 * KIBI)),
    mix(128 * KIBI, (63, 8 * KIBI), (1, 128 * KIBI)),
    mix(256 * KIBI, (127, 8 * KIBI), (1, 256 * KIBI)),
    mix(1024 * KIBI, (127, 4 * KIBI), (1, 1024 * KIBI)),
    mix(1024 * KIBI, (31, 8 * KIBI), (1, 1024 * KIBI)),
    mix(128 * KIBI, (252, 8 * KIBI), (4, 128 * KIBI)),
    mix(128 * KIBI, (504, 4 * KIBI), (8, 128 * KIBI)),
    *(spread(rows, 128 * KIBI) for rows in (16, 64, 128, 256)),
    spread(64, 1024 * KIBI),
    EngineCall("32 sequences x 4 queries, 4K..128K", queries(32, 4, 4 * KIBI, 128 * KIBI), 128 * KIBI),
    *(EngineCall(f"{rows} agents in 512K", agents(rows), AGENT_COLUMNS) for rows in (1, 4, 16, 64, 256)),
    EngineCall("prefill 2048 of 30K..32K in 128K", tuple(30 * KIBI + row for row in range(2048)), 128 * KIBI),
    EngineCall("prefill 4096 of 1..4096 in 32K", tuple(range(1, 4097)), 32 * KIBI),
    *(causal(800, context) for context in (64 * KIBI, 128 * KIBI, 256 * KIBI)),
    causal(2048, 64 * KIBI),
    causal(1024, 128 * KIBI),
    mix(1024 * KIBI, (1, 1024 * KIBI)),
    mix(1024 * KIBI, (4, 1024 * KIBI)),
    mix(32 * KIBI, (512, 32 * KIBI)),
    mix(32 * KIBI, (4096, 32 * KIBI)),
)
