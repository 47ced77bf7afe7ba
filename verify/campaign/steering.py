"""What a search for counterexamples climbs towards: full bins, wide plateaus, late ties.

Numbers of a case, the greater the closer to where kernels of this kind break, for the hill climbing of
Hypothesis' `target()` (after Löscher and Sagonas, "Targeted property-based testing", 2017).
"""

from __future__ import annotations

import torch

from ...reference.order import fp16_bin
from ..judging.judge import Expected

BIN_BITS = 8  # of the coarsest histogram that kernels of this kind start with
MOST_ELEMENTS = 1 << 18  # of a case that is measured


def measures(expected: Expected) -> dict[str, float]:
    """Of a case's rows, the greatest: keys in the bin of the k-th, keys equal to the k-th where not all
    of them are taken, and how far back in its row the first of these lies, as a share of the row."""
    judged = (expected.n > expected.k).nonzero().flatten()
    if not judged.numel() or expected.logits.numel() > MOST_ELEMENTS:
        return {}
    n, cut, equal = (part[judged] for part in (expected.n, expected.tie_is_cut, expected.at_threshold))
    inside = torch.arange(equal.shape[1], device="cpu") < n[:, None]
    first = equal.int().argmax(1)
    bins = fp16_bin(expected.logits[judged], BIN_BITS)
    its_bin = bins.gather(1, first[:, None])
    in_bin = ((bins == its_bin) & inside).sum(1)
    return {
        "keys in the threshold bin": float(in_bin.max()),
        "width of the plateau": float((equal.sum(1) * cut).max()),
        "place of the first tie": float((first / n * cut).max()),
    }
