"""The kernel with one mistake at a time, to show that the checker would notice."""

from __future__ import annotations

from .barriers import lost_barriers
from .mechanical import MECHANICAL
from .mutant import DoesNotApply, Edit, Mutant
from .published import PUBLISHED

__all__ = ["DoesNotApply", "Edit", "Mutant", "all_mutants"]


def all_mutants() -> dict[str, Mutant]:
    """Every mutant of the present kernel, by name."""
    return {mutant.name: mutant for mutant in (*PUBLISHED, *MECHANICAL, *lost_barriers())}
