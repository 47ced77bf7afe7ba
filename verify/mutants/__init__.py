"""The kernel with one mistake at a time, to show that the checker would notice.

Source: mutation analysis (DeMillo, Lipton and Sayward, "Hints on test data selection", 1978).
"""

from __future__ import annotations

from .assigning import ASSIGNING
from .barriers import lost_barriers
from .emitting import EMITTING
from .flips import flips
from .mechanical import STAGES
from .mutant import DoesNotApply, Edit, Mutant
from .published import PUBLISHED
from .ranks import RANKS
from .sharing import SHARING
from .streaming import STREAMING
from .whole import WHOLE

__all__ = ["DoesNotApply", "Edit", "Mutant", "all_mutants"]

MECHANICAL = (*STAGES, *STREAMING, *SHARING, *ASSIGNING, *EMITTING, *WHOLE)


def all_mutants(with_flips: bool = False) -> dict[str, Mutant]:
    """Every mutant of the kernel and of rows over ranks, by name. with_flips: flipped comparisons too."""
    flipped = flips() if with_flips else ()
    return {mutant.name: mutant for mutant in (*PUBLISHED, *MECHANICAL, *lost_barriers(), *RANKS, *flipped)}
