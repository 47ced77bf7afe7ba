"""The outputs of an emulated call, with canaries on both sides of each."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...reference.call import Call, Selection
from ...reference.plan import LAUNCHES
from .library import EmulationError, Statistics

CANARY_ELEMENTS = 64  # on both sides of an output
CANARY = -0x5A5A
POISON = -777777  # in slots of places and columns before the launch; one that a row writes is hardly this


class Outputs:
    """What a call writes, and the memory around it.

    selection: indices int32 or int64 [R, k], and the values and columns that the call asks for. answer: what
    the call returns of it.
    """

    def __init__(self, call: Call, given: Tensor | None = None) -> None:
        self._canaried: dict[str, Tensor] = {}
        self.selection = Selection(
            self._canaried_output("output", call, call.index_dtype) if given is None else given,
            self._canaried_output("values", call, call.logits.dtype) if call.return_values else None,
            self._canaried_output("columns", call, torch.int32) if call.return_columns else None,
        )
        self.answer = call.returned(self.selection)

    def _canaried_output(self, name: str, call: Call, dtype: torch.dtype) -> Tensor:
        slots = call.rows * call.k
        whole = torch.full((slots + 2 * CANARY_ELEMENTS,), CANARY, dtype=dtype, device="cpu")
        self._canaried[name] = whole
        inner = whole[CANARY_ELEMENTS : CANARY_ELEMENTS + slots].view(call.rows, call.k)
        return inner.fill_(POISON) if not dtype.is_floating_point else inner

    def check_canaries(self) -> None:
        """Stores are checked one by one; the canaries catch what went past the instrumentation.

        Raises EmulationError.
        """
        for name, whole in self._canaried.items():
            sides = torch.cat([whole[:CANARY_ELEMENTS], whole[-CANARY_ELEMENTS:]])
            if bool((sides != CANARY).any()):
                raise EmulationError("out-of-bounds", f"the words beside the {name} were overwritten")

    def launch_apart(self, numbers: list[int], launch: Callable[[int], Statistics]) -> Statistics:
        """The launches of a call one after the other, each with outputs of its own, which are put together.

        numbers: of the call's launches. launch: runs one. On a GPU they overlap. They share no memory but
        what is read, so that order cannot matter where each row is written by exactly one of them. Raises
        EmulationError where it is not.
        """
        outputs = [output for output in self.selection if output is not None]
        wholes = [output.clone() for output in outputs]
        indices = outputs[0]
        writers = torch.zeros_like(indices)
        statistics = Statistics()
        for number in numbers:
            indices.fill_(POISON)
            statistics += launch(number)
            written = indices != POISON
            for output, whole in zip(outputs, wholes, strict=True):
                whole[written] = output[written]
            writers += written
        for output, whole in zip(outputs, wholes, strict=True):
            output.copy_(whole)
        if bool((writers != 1).any()):
            row, slot = (writers != 1).nonzero()[0].tolist()
            names = " and ".join(LAUNCHES[number] for number in numbers)
            kind = "unwritten-output" if writers[row, slot] == 0 else "written-twice"
            raise EmulationError(
                kind, f"output[{row}, {slot}] is written by {writers[row, slot]} of the launches: {names}"
            )
        return statistics
