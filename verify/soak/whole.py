"""Whole calls over the scores of a batch: another dtype, windows and places, all at random."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import Tensor

from ...cuda import calls
from ...cuda.structs import CallRecord
from ...reference import oracle
from ...reference.call import Call, Selection
from ...reference.dtypes import LOGITS_DTYPES, bits_of
from ..cases.asking import WORDS, asked_for
from .batches import Batch
from .tally import Tally

WHOLE_EVERY = 4  # batches, of which one is put to the kernel as a whole call too
POISON = 0x5A  # of the bytes that outputs hold before a call
MOST_START = 1 << 12
PLACES = ("columns", "offsets", "pages")
MOST_PAGE_BITS = 8
INT32_MAX = (1 << 31) - 1


def judge_whole(batch: Batch, number: int, seed: int, tally: Tally) -> None:
    """Judges one whole call over a batch's scores by the oracle: indices, values and columns, bit for bit."""
    call = whole_call(batch, random.Random(f"whole {tally.stage} {seed} {number}"))
    outputs = poisoned(call)
    calls.launch_record(CallRecord.of(call, outputs), call.logits)
    names = [WORDS.get(name, name) for name in asked_for(call.logits, call.lengths, arguments_of(call))]
    wrong = wrong_rows(call, outputs)
    tally.whole_rows += call.rows
    tally.whole_mismatches += len(wrong)
    for name in names:
        tally.asked[name] = tally.asked.get(name, 0) + 1
    if wrong:
        where = f"{tally.stage} batch {number} ({call.rows} x {call.columns}, k {call.k}, {', '.join(names)})"
        tally.note(f"{where}: {len(wrong)} rows of a whole call wrong, first {wrong[0]}")


def arguments_of(call: Call) -> dict[str, Any]:
    """The arguments of a call beside logits, lengths and k that are not left out."""
    return {name: getattr(call, name) for name in call.extras if name not in ("logits", "lengths")}


def poisoned(call: Call) -> Selection:
    """What the call writes, each byte of it poisoned."""

    def output(dtype: torch.dtype) -> Tensor:
        shape = call.rows, call.k * dtype.itemsize
        return torch.full(shape, POISON, dtype=torch.uint8, device=call.logits.device).view(dtype)

    return Selection(
        output(call.index_dtype),
        output(call.logits.dtype) if call.return_values else None,
        output(torch.int32) if call.return_columns else None,
    )


def wrong_rows(call: Call, outputs: Selection) -> list[int]:
    """Rows in which anything that the kernel wrote is not what the oracle says."""
    expected = oracle.topk(call.logits, call.lengths, call.k, **arguments_of(call))
    expected = expected if isinstance(expected, Selection) else Selection(expected)
    wrong = torch.zeros(call.rows, dtype=torch.bool, device=call.logits.device)
    for found, right in zip(outputs, expected, strict=True):
        if found is not None and right is not None:
            pair = (bits_of(each) if each.is_floating_point() else each for each in (found, right))
            wrong |= torch.ne(*pair).any(dim=1)
    return wrong.nonzero().flatten().tolist()


def whole_call(batch: Batch, draw: random.Random) -> Call:
    """A call over the batch's scores, as `draw` decides."""
    logits = as_dtype(batch.logits, draw.choice(LOGITS_DTYPES))
    rows, columns = logits.shape
    options: dict[str, Any] = {"index_dtype": draw.choice((torch.int32, torch.int64))}
    lengths: Tensor | None = batch.lengths
    if draw.random() < 0.5:
        most = min(columns, MOST_START)
        options["starts"] = integers(draw, (rows,), -2, most + 2, logits.device)
        if draw.random() < 0.3:
            moved = options["starts"].clamp(0, columns).long() + batch.lengths.long()
            options["ends"], lengths = moved.clamp(-INT32_MAX, INT32_MAX).to(torch.int32), None
    elif draw.random() < 0.4:
        ratio = options["compress_ratio"] = draw.choice((2, 4))
        lengths = batch.lengths.long().mul(ratio).add(1).clamp(-INT32_MAX, INT32_MAX).to(torch.int32)
    options |= places(draw, rows, columns, logits.device)
    for name in ("return_values", "return_columns"):
        if draw.random() < 0.5:
            options[name] = True
    return Call(logits, lengths, batch.k, **options)


def as_dtype(logits: Tensor, dtype: torch.dtype) -> Tensor:
    """The same scores in another dtype, at the same strides and offset."""
    memory = torch.empty(0, dtype=logits.dtype, device=logits.device).set_(logits.untyped_storage())
    return memory.to(dtype).as_strided(logits.shape, logits.stride(), logits.storage_offset())


def places(draw: random.Random, rows: int, columns: int, device: torch.device) -> dict[str, Any]:
    """Offsets, a page table, or neither."""
    kind = draw.choice(PLACES)
    if kind == "offsets":
        return {"offsets": integers(draw, (rows,), -9, INT32_MAX, device)}
    if kind == "columns":
        return {}
    size = 1 << draw.randint(0, MOST_PAGE_BITS)
    tables, pages = rows + draw.randint(0, 2), max(1, -(-columns // size) - draw.randint(-1, 1))
    options: dict[str, Any] = {"page_size": size}
    options["page_table"] = integers(draw, (tables, pages), -3, draw.choice((1 << 20, INT32_MAX)), device)
    if draw.random() < 0.5:
        options["table_rows"] = integers(draw, (rows,), -1, tables + 1, device)
    if draw.random() < 0.5:
        options["table_starts"] = integers(draw, (rows,), -1, 3, device)
    return options


def integers(
    draw: random.Random, shape: tuple[int, ...], low: int, high: int, device: torch.device
) -> Tensor:
    """int32 of the shape, low .. high - 1, on the device."""
    generator = torch.Generator(device=device).manual_seed(draw.getrandbits(48))
    return torch.randint(low, high, shape, generator=generator, device=device, dtype=torch.int32)
