"""The bytes that each protocol sends, from the shapes of a call alone, and the choice of the faster one."""

from __future__ import annotations

from dataclasses import dataclass

from ..reference.layout import Layout
from ..reference.sharded import DIGITS, GATHER, PAIRS, SUM, VALUE_DIGITS, Sent, column_digits

WORD = 4  # bytes of an int32


@dataclass(frozen=True)
class Cost:
    """The cost model of a backend: an exchange takes `latency_us`, and `us_per_byte` for each byte a rank
    sends."""

    latency_us: float
    us_per_byte: float

    def of(self, sent: list[Sent], ranks: int) -> float:
        """Microseconds of a call that sends this from each of `ranks` ranks."""
        return sum(self.latency_us + self.us_per_byte * item.travelled(ranks) for item in sent)


COSTS = {
    # Rounded from one run of two processes on one machine.
    "gloo": Cost(latency_us=300.0, us_per_byte=0.002),
    # Assumed of GPUs of one host, not measured.
    "nccl": Cost(latency_us=15.0, us_per_byte=1 / 100_000),
}
ELSEWHERE = COSTS["nccl"]


def sent_by(way: str, layout: Layout, rows: int, k: int, owned: bool, rank: int = 0) -> list[Sent]:
    """The bytes that a rank hands to each collective of a call, in order.

    way: "pairs" or "digits". layout: how columns lie over the ranks. rows, k, owned: as in the call. rank:
    the rank that sends.
    """
    if way == PAIRS:
        return [Sent("pairs", GATHER, rank, 2 * WORD * rows * k)]

    def digits(stage: str, widths: tuple[int, ...]) -> list[Sent]:
        return [
            Sent(f"{stage} digit {number}", SUM, rank, WORD * rows << bits)
            for number, bits in enumerate(widths)
        ]

    sent = digits("value", VALUE_DIGITS)
    if layout.block is None:
        sent.append(Sent("ties", GATHER, rank, WORD * rows))
    else:
        sent += digits("column", column_digits(layout.columns))
    return sent if owned else [*sent, Sent("columns", GATHER, rank, WORD * rows * k)]


def cheaper(layout: Layout, rows: int, k: int, owned: bool, backend: str) -> str:
    """The way that the backend's cost favours, the same on all ranks.

    layout: how columns lie over the ranks. rows, k, owned: as in the call. backend: as torch.distributed
    names it; of one that was not measured, NCCL's cost is taken.
    """
    cost = COSTS.get(backend, ELSEWHERE)
    return min((PAIRS, DIGITS), key=lambda way: cost.of(sent_by(way, layout, rows, k, owned), layout.ranks))
