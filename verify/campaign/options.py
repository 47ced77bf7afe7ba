"""What bounds a campaign, and what it is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..cases.case import Case
from .ladders import CASE_BYTES
from .state import State


@dataclass
class Options:
    """seconds or cases bounds the campaign. ks: values of k in place of the settings' own. captured: cases
    of files of logits, beside the budget: those for which there is as much time again. failures: the folder
    for replay files. families: these alone, and no recipes. case_bytes: the most of one case's logits and
    indices. state: where an earlier run left off. first_only: the first broken claim ends the search, and is
    shrunk for a short while."""

    seed: int = 0
    seconds: float | None = 60.0
    cases: int | None = None
    ks: tuple[int, ...] = ()
    captured: Sequence[Case] = ()
    failures: Path = Path("topk-failures")
    families: tuple[str, ...] = ()
    case_bytes: int = CASE_BYTES
    state: State | None = None
    first_only: bool = False
