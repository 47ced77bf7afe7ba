"""What the engines' calls share: refusing what is not here, and taking the part of a tensor that is meant."""

from __future__ import annotations

from typing import NoReturn

from torch import Tensor


def refuse(call: str, argument: str, value: object, expected: str) -> NoReturn:
    """Raises NotImplementedError that names the argument, its value, and what was expected."""
    raise NotImplementedError(f"{call}: {argument} is {value!r}; expected {expected}")


def first_rows(tensor: Tensor, rows: int) -> Tensor:
    """The first rows of a tensor. A view costs the host more than a launch's share, so most calls make none.

    tensor: any dtype, [rows or more, ...]. Returns the same dtype [rows, ...], the tensor itself if it has no
    more.
    """
    return tensor if tensor.shape[0] == rows else tensor[:rows]


def first_columns(tensor: Tensor, columns: int) -> Tensor:
    """The first columns of a tensor, which is itself returned if it has no more.

    tensor: any dtype, [rows, columns or more]. Returns the same dtype [rows, columns].
    """
    return tensor if tensor.shape[-1] == columns else tensor[:, :columns]
