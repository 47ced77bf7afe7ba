"""What a function is given of a case: its tensors on the function's device, laid out as in the case."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..cases.asking import Asked, tensors_of
from ..cases.case import Case
from ..cases.dtypes import memory_of


@dataclass(frozen=True)
class Given:
    """case: as it was. logits, lengths, options: the arguments. storage: what the logits are a view of."""

    case: Case
    logits: Tensor
    lengths: Tensor | None
    options: Asked
    storage: Tensor

    @property
    def counted(self) -> Tensor | None:
        """What says how many columns the rows have, if a tensor does."""
        return self.lengths if self.lengths is not None else self.options.get("ends")

    def changed(self) -> str | None:
        """Which of the tensors that were copied the call changed, in words, or None."""
        before = self.case.storage.to(self.storage.dtype)
        copies = {"logits": (self.storage, before)}
        if self.lengths is not None and self.case.lengths is not None:
            copies["lengths"] = self.lengths, self.case.lengths
        for name, tensor in tensors_of(self.options).items():
            copies[name] = tensor, tensors_of(self.case.options)[name]
        for name, (now, then) in copies.items():
            if now is not then and bool((memory_of(now.cpu()) != memory_of(then)).any()):
                return f"the {name} were changed"
        return None


def given_of(case: Case, device: str, dtype: torch.dtype) -> Given:
    """The arguments of a case's call. What lies on the device already is not copied."""
    storage = case.storage.to(device, dtype)
    lengths = None if case.lengths is None else case.lengths.to(device)
    moved = {name: tensor.to(device) for name, tensor in tensors_of(case.options).items()}
    return Given(case, case.logits_in(storage), lengths, {**case.options, **moved}, storage)
