"""Contents of rows: the same kinds from numpy's numbers, for a case, and from torch's, for many rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from persistent_topk.reference.order import HALF_INFINITY, fp16_bin, half_magnitude, ordered_key
from persistent_topk.verify.cases.arrangements import ORDERS, rows_in_order
from persistent_topk.verify.cases.draws import NumpyDraw, TorchDraw
from persistent_topk.verify.cases.values import CONTENTS, MASK, ONE

SHAPE, K = (6, 400), 40
MAGNITUDE = 0x7FFFFFFF
DRAWS = {
    "numpy": lambda: NumpyDraw(np.random.default_rng(1)),
    "torch": lambda: TorchDraw(torch.Generator().manual_seed(1)),
}


def share(mask: torch.Tensor) -> float:
    return float(mask.float().mean())


def one_bin_of(rows: torch.Tensor, bits: int) -> bool:
    return 1 == len(fp16_bin(rows, bits).unique())


def plateau_covers_k(rows: torch.Tensor) -> bool:
    above = (rows > 1).sum(1)
    return bool((above < K).all()) and bool((above + (rows == 1).sum(1) >= K).any())


# What tells each kind from all others, of float32 [rows, columns].
TELLS: dict[str, Callable[[torch.Tensor], bool]] = {
    "normal": lambda rows: 0.9 < float(rows.std()) < 1.1 and len(rows.unique()) > 2000,
    "half-zero": lambda rows: 0.4 < share(rows == 0) < 0.6 and bool((rows >= 0).all()),
    "negative": lambda rows: bool((rows < 0).all()) and 0.5 < float(rows.std()) < 0.7,
    "one-bin": lambda rows: one_bin_of(rows, 8) and not one_bin_of(rows, 11),
    "one-fine-bin": lambda rows: one_bin_of(rows, 12) and 1.014 < float(rows.max()) < 1.015,
    "low-bits": lambda rows: one_bin_of(rows, 12) and 500 < len(rows.unique()) <= 1024,
    "last-bit": lambda rows: [ONE, ONE + 1] == rows.view(torch.int32).unique().tolist(),
    "bit-ramp": lambda rows: bool((rows.view(torch.int32) == torch.arange(SHAPE[1]) + ONE).all()),
    "equal": lambda rows: bool((rows == rows[:, :1]).all()) and len(rows) == len(rows.unique()),
    "few": lambda rows: bool((rows * 4 == (rows * 4).round()).all()) and len(rows.unique()) > 20,
    "rounded": lambda rows: bool(((rows * 100).round() / 100 == rows).all()) and len(rows.unique()) > 200,
    "bfloat16": lambda rows: bool((rows.view(torch.int32) & 0xFFFF == 0).all()) and len(rows.unique()) > 400,
    "both-zeros": lambda rows: 0.4 < share((rows == 0) & rows.signbit()) < 0.5 and share(rows == 0) > 0.85,
    "infinities": lambda rows: 0.2 < share(rows == torch.inf) < 0.3 and 0.2 < share(rows == -torch.inf) < 0.3,
    "all-nan": lambda rows: bool(rows.isnan().all()) and 0.4 < share(rows.signbit()) < 0.6,
    "some-nan": lambda rows: 0 < share(rows.isnan()) < 0.9 and bool((rows[~rows.isnan()].abs() < 9).all()),
    "subnormal": lambda rows: bool((rows.abs() < 1.2e-38).all()) and len(rows.unique()) > 1000,
    "collapse": lambda rows: (
        bool((half_magnitude(rows.view(torch.int32) & MAGNITUDE) == HALF_INFINITY).all())
        and bool(rows.isfinite().all())
        and 0.4 < share(rows < 0) < 0.6
    ),
    "collapse-edge": lambda rows: 9 == len(rows.unique()) and float(rows.mean().round()) == 65520,
    "masked": lambda rows: 0.4 < share(rows == MASK) < 0.6 and 0.4 < share(rows == -torch.inf) < 0.6,
    "any-bits": lambda rows: 0 < share(rows.isnan()) < 0.02 and share(rows.abs() > 1e20) > 0.1,
    "plateau": plateau_covers_k,
}


@pytest.mark.parametrize("source", DRAWS)
@pytest.mark.parametrize("name", CONTENTS)
def test_rows_are_what_their_name_says(name: str, source: str) -> None:
    made = CONTENTS[name].make(DRAWS[source](), SHAPE, K)
    assert torch.int32 == made.dtype and SHAPE == made.shape
    assert TELLS[name](made.view(torch.float32))


def test_every_kind_has_something_that_tells_it_from_the_others() -> None:
    assert list(TELLS) == list(CONTENTS)
    rows = {name: CONTENTS[name].rows(torch.Generator().manual_seed(2), SHAPE, K) for name in CONTENTS}
    for name, tells in TELLS.items():
        assert [name] == [other for other, made in rows.items() if tells(made)]


@pytest.mark.parametrize("name", CONTENTS)
def test_a_row_of_a_case_may_be_written_to_and_is_a_function_of_the_seed(name: str) -> None:
    for n in (0, 1, 33):
        row, again = (CONTENTS[name](np.random.default_rng(1), n) for _ in range(2))
        assert row.dtype == np.uint32 and row.shape == (n,) and row.tolist() == again.tolist()
        row[:] = 0


@pytest.mark.parametrize("order", ORDERS)
def test_rows_are_sorted_by_the_contracts_order(order: str) -> None:
    rows = CONTENTS["any-bits"].rows(torch.Generator().manual_seed(3), SHAPE, K)
    keys, before = ordered_key(rows_in_order(rows, order)), ordered_key(rows)
    assert torch.equal(before.sort(dim=1).values, keys.sort(dim=1).values)
    if order == "drawn":
        assert torch.equal(before, keys)
    else:
        step = keys.diff(dim=1)
        assert bool((step >= 0 if order == "ascending" else step <= 0).all())
