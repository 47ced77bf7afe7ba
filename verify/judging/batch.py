"""Outputs of any size judged where they are: on their own device, a slab of rows at a time."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from ...reference import oracle
from .judge import JUDGES, Expected, Slots

SLAB_ELEMENTS = 1 << 26  # logits judged at a time: bounds the memory of slots and verdicts
ORACLE_ELEMENTS = 1 << 22  # of a larger call the oracle is asked for rows of as many logits, evenly apart
CONTRACT = tuple(JUDGES)
SET = ("in-range-unique", "exact-set")  # whatever the slots behind min(k, n) hold


def broken_rows(expected: Expected, indices: Tensor, promises: Collection[str] = CONTRACT) -> Tensor:
    """Bool [R]: rows of `indices` int64 [R, k] that break one of the promises, of JUDGES."""
    return rows_that_break(Slots(expected, indices, claims=frozenset(promises)), promises)


def rows_that_break(slots: Slots, promises: Collection[str]) -> Tensor:
    """Bool [R]: rows of an answer that break one of the promises, of JUDGES."""
    verdicts = [JUDGES[promise](slots) for promise in promises]
    return torch.stack([verdict.applies & ~verdict.holds for verdict in verdicts]).any(0)


def with_oracle(logits: Tensor, lengths: Tensor, k: int) -> Expected:
    """What the judge expects of a call, after it has judged the oracle's answer to it: to all rows, or, as a
    sort is dear, to some where there are very many logits.

    Raises AssertionError where the two disagree on the contract: the checker is at fault, and no target.
    """
    expected = Expected(logits, lengths, k)
    every = max(1, -(-logits.numel() // ORACLE_ELEMENTS))
    asked, ns = logits[::every], lengths[::every].contiguous()
    judged = expected if every == 1 else Expected(asked, ns, k)
    broken = (
        broken_rows(judged, oracle.topk(asked[:, : judged.longest], ns, k).long())
        .nonzero()
        .flatten()
        .mul(every)
        .tolist()
    )
    if broken:
        raise AssertionError(f"the judge finds rows {broken} of the oracle's answer wrong; expected none")
    return expected


def wrong_rows(
    logits: Tensor, lengths: Tensor, output: Tensor, k: int, promises: Collection[str] = CONTRACT
) -> Tensor:
    """Bool [R]: rows of `output` int [R, >= k] whose first k slots break one of the promises.

    logits: float32 [R, S]. lengths: int32 [R]. All on one device. With CONTRACT, a row is right if and only
    if its k slots are the contract's answer, order and padding included.
    """
    slab = max(1, SLAB_ELEMENTS // max(1, logits.shape[1]))
    slabs = zip(*(tensor.split(slab) for tensor in (logits, lengths, output[:, :k])), strict=True)
    return torch.cat(
        [broken_rows(Expected(rows, ns, k), chosen.long(), promises) for rows, ns, chosen in slabs]
    )
