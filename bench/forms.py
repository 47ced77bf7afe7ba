"""Forms of a cell's call that are timed beside the plain one in the same run: other dtypes, and whole calls.

All are of the scores of the cell, so that what they take is compared with the plain call's time. A window
begins at a column of the same rows: the kernel that runs is that of the same width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..cuda import calls
from ..cuda.structs import CallRecord
from ..reference.call import Call, Selection
from ..reference.policy import Policy
from ..verify.cases.asking import NARROW_DTYPES
from ..verify.cases.dtypes import DTYPES as EVERY_DTYPE
from ..verify.judging.batch import CONTRACT, SLAB_ELEMENTS, wrong_rows
from .cells import Cell
from .peers import Buffers

DTYPES = {name: EVERY_DTYPE[name] for name in NARROW_DTYPES}
STARTS = {f"start {start}": start for start in range(4)}
WHOLE = ("offsets", "page table", "columns", "values", *STARTS)
FORMS = (*DTYPES, *WHOLE)
PAGE_SIZE = 64
MOST_OFFSET = 1 << 20


class UnknownForm(ValueError):
    """A dtype that the bench does not time; the message names those that it does."""


def parse_dtypes(text: str | None) -> tuple[str, ...]:
    """The dtypes of "bfloat16,float16"; none where there is no text. float32 is always timed, and may be
    named. Raises UnknownForm."""
    names = tuple(word.strip() for word in text.split(",")) if text is not None else ()
    for name in names:
        if name not in ("float32", *DTYPES):
            raise UnknownForm(f"--dtype is {text!r}; expected some of float32, {', '.join(DTYPES)}")
    return tuple(name for name in dict.fromkeys(names) if name in DTYPES)


@dataclass(frozen=True)
class Form:
    """launch(i): the call of buffer i. wrong(i): bool [rows], rows of its answer that are wrong. bytes_read:
    of one call's logits."""

    launch: Callable[[int], object]
    wrong: Callable[[int], Tensor]
    bytes_read: int


def make_form(name: str, cell: Cell, buffers: Buffers, policy: Policy | None) -> Form:
    """The form of a name, one of FORMS, over the scores of a cell."""
    logits = buffers.logits.to(DTYPES[name]) if name in DTYPES else buffers.logits
    bytes_read = cell.bytes_read * logits.element_size() // buffers.logits.element_size()
    options = options_of(name, cell, logits)
    asked = [Call(logits[i], buffers.lengths[i], cell.k, **options) for i in range(buffers.launches)]
    outputs = [
        Selection.unwritten(
            call.logits, call.k, call.index_dtype, call.return_values, call.return_columns, written
        )
        for call, written in zip(asked, buffers.outputs, strict=True)
    ]
    records = [CallRecord.of(*pair) for pair in zip(asked, outputs, strict=True)]
    return Form(
        lambda i: calls.launch_record(records[i], asked[i].logits, policy=policy),
        lambda i: wrong_in(asked[i], outputs[i]),
        bytes_read,
    )


def options_of(name: str, cell: Cell, logits: Tensor) -> dict[str, Any]:
    """What a form asks for beside the plain selection."""
    rows, device = cell.rows, logits.device
    generator = torch.Generator(device=device).manual_seed(rows)
    if name in STARTS:
        return {"starts": torch.full((rows,), STARTS[name], dtype=torch.int32, device=device)}
    if name == "offsets":
        drawn = torch.randint(MOST_OFFSET, (rows,), generator=generator, device=device)
        return {"offsets": drawn.to(torch.int32)}
    if name == "page table":
        pages = -(-cell.columns // PAGE_SIZE)
        drawn = torch.rand(rows, pages, generator=generator, device=device)
        return {"page_table": drawn.argsort(dim=1).to(torch.int32), "page_size": PAGE_SIZE}
    return {f"return_{name}": True} if name in ("columns", "values") else {}


def wrong_in(call: Call, answer: Selection) -> Tensor:
    """bool [rows]: rows that are not the contract's, whose columns are looked up by their places."""
    columns = columns_of(call, answer.indices.long())
    start = 0 if call.starts is None else int(call.starts[0])
    assert call.lengths is not None
    lengths = call.lengths.clamp(max=call.columns - start)
    slab = max(1, SLAB_ELEMENTS // max(1, call.columns))
    slabs = zip(*(each.split(slab) for each in (call.logits[:, start:], lengths, columns)), strict=True)
    wrong = torch.cat([wrong_rows(rows.float(), ns, chosen, call.k, CONTRACT) for rows, ns, chosen in slabs])
    for also in _wrong_beside(call, answer, columns, start):
        wrong |= also.any(dim=1)
    return wrong


def columns_of(call: Call, places: Tensor) -> Tensor:
    """int64 [rows, k]: the columns that places are those of, -1 for none and -2 for a place of no column."""
    if call.offsets is not None:
        moved = places - call.offsets.long()[:, None]
        return torch.where(places < 0, places, torch.where(moved < 0, -2, moved))
    if call.page_table is None:
        return places
    assert call.page_size is not None
    page = call.page_table.argsort(dim=1)  # which page of the row has this entry
    entry = places.clamp(min=0) // call.page_size
    inside = entry < page.shape[1]
    found = page.gather(1, entry.clamp(max=page.shape[1] - 1)) * call.page_size + places % call.page_size
    return torch.where(places < 0, places, torch.where(inside, found, -2))


def _wrong_beside(call: Call, answer: Selection, columns: Tensor, start: int) -> Iterator[Tensor]:
    """bool [rows, k] of columns and of values that are not those of the places."""
    if answer.columns is not None:
        yield answer.columns.long() != columns
    if answer.values is not None:
        found = call.logits.gather(1, (columns + start).clamp(0, call.columns - 1))
        yield answer.values != torch.where(columns < 0, -torch.inf, found)
