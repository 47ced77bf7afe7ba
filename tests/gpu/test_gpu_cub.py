"""CUB on a GPU: the peer that others are judged by selects what the oracle does."""

from __future__ import annotations

import pytest
import torch
from cub_here import needs_cub

from persistent_topk.reference import oracle
from persistent_topk.verify.targets.peers import cub_library as cub


@needs_cub
@pytest.mark.parametrize("columns", [1, 100, 4096, 5000, 100_000])
def test_cub_selects_what_the_oracle_does(columns: int) -> None:
    found = cub.load()
    if columns > found.most_columns:
        pytest.skip(f"CUB {found.version} takes rows up to {found.most_columns} columns")
    generator = torch.Generator(device="cuda").manual_seed(columns)
    logits = torch.randn(40, columns, generator=generator, device="cuda")
    if found.takes_ties:
        logits = logits.mul_(8).round_()
    lengths = torch.randint(-3, columns + 3, (40,), generator=generator, device="cuda", dtype=torch.int32)
    k = 64
    selected = found.topk(logits, lengths, k, found.takes_ties).long()
    ascending = selected.masked_fill(selected < 0, columns).sort(dim=1).values
    ascending = ascending.masked_fill(ascending == columns, -1).int()
    assert torch.equal(oracle.topk(logits, lengths, k), ascending)
