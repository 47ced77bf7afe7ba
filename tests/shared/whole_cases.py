"""Cases of drawn calls, and of the families of whole calls."""

from __future__ import annotations

from typing import Any

import torch

from persistent_topk.verify.cases.case import Case
from persistent_topk.verify.cases.families import FAMILIES, Setting

WHOLE = [family for family in FAMILIES.values() if family.asks]
SETTING = Setting("tiny", 8, "pair")


def case_of(arguments: dict[str, Any]) -> Case:
    """The case of a call's arguments, whose tensors are copied to lie end to end."""
    given = {
        name: one.contiguous() if isinstance(one, torch.Tensor) else one for name, one in arguments.items()
    }
    logits, lengths, k = (given.pop(name) for name in ("logits", "lengths", "k"))
    if given.get("index_dtype") == torch.int32:  # as if it were left out
        del given["index_dtype"]
    rows, columns = logits.shape
    return Case(logits.flatten().clone(), 0, columns, columns, lengths, k, options=given, rows=rows)


def family_cases(visits: int = 12) -> list[Case]:
    """The first cases of each family of whole calls."""
    return [
        family.make(SETTING, family.parameters(visit, 1), visit)
        for family in WHOLE
        for visit in range(visits)
    ]
