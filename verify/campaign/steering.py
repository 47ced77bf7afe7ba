"""What a search for counterexamples climbs towards: full bins, wide plateaus, late ties.

Numbers of a case, the greater the closer to where kernels of this kind break, for the hill climbing of
Hypothesis' `target()` (after Löscher and Sagonas, "Targeted property-based testing", 2017).
"""

from __future__ import annotations

import numpy as np

from ...reference.order import fp16_bin
from ..judging.judge import Expected

BIN_BITS = 8  # of the coarsest histogram that kernels of this kind start with
MOST_ELEMENTS = 1 << 18  # of a case that is measured


def measures(expected: Expected) -> dict[str, float]:
    """Of a case's rows, the greatest: keys in the bin of the k-th, keys equal to the k-th where not all
    of them are taken, and how far back in its row the first of these lies, as a share of the row."""
    case = expected.case
    judged = np.flatnonzero(expected.n > case.k)
    if not len(judged) or case.logits.numel() > MOST_ELEMENTS:
        return {}
    keys, n = expected.keys[judged], expected.n[judged]
    inside = np.arange(case.columns)[None, :] < n[:, None]
    equal = (keys == expected.threshold[judged, None]) & inside
    first = equal.argmax(axis=1)
    bins = fp16_bin(case.logits, BIN_BITS).numpy()[judged]
    its_bin = bins[np.arange(len(judged)), first]
    in_bin = ((bins == its_bin[:, None]) & inside).sum(axis=1)
    cut = expected.tie_is_cut[judged]
    return {
        "keys in the threshold bin": float(in_bin.max()),
        "width of the plateau": float((equal.sum(axis=1) * cut).max()),
        "place of the first tie": float((first / n * cut).max()),
    }
