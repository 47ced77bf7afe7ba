"""What a function may return for a top-k, and the answer in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ...reference.call import Selection
from ..cases.case import Case
from ..cases.dtypes import memory_of
from .target import Answer, TargetFailure

INTEGERS = (torch.int32, torch.int64)
PAIR = 2  # of values and indices, in either order


def answer_of(
    selection: torch.Tensor | Selection, trace: np.ndarray | None = None, damage: str | None = None
) -> Answer:
    """The answer that one of our own implementations returned. trace, damage: what else is known of it."""
    found = selection if isinstance(selection, Selection) else Selection(selection)
    values, columns = (
        None if tensor is None else memory_of(tensor.cpu()).astype(np.int64)
        for tensor in (found.values, found.columns)
    )
    indices = found.indices.cpu().numpy().astype(np.int64)
    return Answer(indices, trace, damage, values=values, columns=columns)


def answer_in(found: object, case: Case, device: torch.device, has_values: bool = False) -> Answer:
    """The answer in what a function returned to a case's call. has_values: whether it returns a pair with
    values unasked. TargetFailure as for indices_in(), and where something is missing that was asked for."""
    wanted = {name: bool(case.options.get(f"return_{name}")) for name in ("values", "columns")}
    asked = any(wanted.values())
    indices = indices_in(_named(found, "indices") if asked else found, case.rows, case.k, device)
    if "index_dtype" in case.options:
        dtype = _dtype(_named(found, "indices") if asked else found)
        if dtype not in (None, case.options["index_dtype"]):
            raise TargetFailure("wrong dtype", f"returned {dtype}; expected {case.options['index_dtype']}")
    values = columns = None
    if wanted["columns"]:
        columns = indices_in(_named(found, "columns"), case.rows, case.k, device)
    if wanted["values"]:
        values = _values(_named(found, "values"), case)
    elif has_values and isinstance(found, (tuple, list)):
        values = _values(next((item for item in found if _dtype(item) not in INTEGERS), None), case)
    return Answer(indices, values=values, columns=columns)


def indices_of(found: Any) -> Any:
    """The indices of a named tuple, or what was returned in the place of one."""
    return getattr(found, "indices", found) if isinstance(found, tuple) else found


def _named(found: object, name: str) -> object:
    """One of indices, values and columns of a named tuple of these."""
    if isinstance(found, torch.Tensor) or not hasattr(found, name):
        raise TargetFailure(
            "wrong type", f"returned {type(found).__name__}; expected a named tuple with {name}"
        )
    return getattr(found, name)


def _values(found: object, case: Case) -> np.ndarray:
    """int64 [rows, k]: the bits of values, of the dtype of the logits that the function was given."""
    values = _tensor(found).detach().cpu()
    if not values.is_floating_point() or tuple(values.shape) != (case.rows, case.k):
        expected = f"floats of shape {[case.rows, case.k]}"
        raise TargetFailure(
            "wrong values", f"returned values {values.dtype} {list(values.shape)}; expected {expected}"
        )
    return memory_of(values.to(case.storage.dtype).contiguous()).astype(np.int64)


def indices_in(found: object, rows: int, k: int, device: torch.device) -> np.ndarray:
    """int64 [rows, k] of what a target returned: a tensor or an array of int32 or int64, or a pair of which
    one is that. TargetFailure where it is something else, or a tensor elsewhere than its logits."""
    chosen = _integers_of(found) if isinstance(found, (tuple, list)) else found
    indices = _tensor(chosen)
    if indices.dtype not in INTEGERS:
        raise TargetFailure("wrong dtype", f"returned {indices.dtype}; expected torch.int32 or torch.int64")
    if tuple(indices.shape) != (rows, k):
        raise TargetFailure("wrong shape", f"returned shape {list(indices.shape)}; expected [{rows}, {k}]")
    if isinstance(chosen, torch.Tensor) and chosen.device.type != device.type:
        raise TargetFailure("wrong device", f"returned a tensor on {chosen.device}; expected {device}")
    return indices.detach().cpu().numpy().astype(np.int64)


def _integers_of(pair: tuple[object, ...] | list[object]) -> object:
    """What holds integers, of (values, indices) or (indices, values)."""
    integers = [item for item in pair if _dtype(item) in INTEGERS]
    if len(pair) != PAIR or len(integers) != 1:
        kinds = ", ".join(str(_dtype(item) or type(item).__name__) for item in pair)
        raise TargetFailure(
            "wrong type", f"returned ({kinds}); expected indices, (values, indices) or (indices, values)"
        )
    return integers[0]


def _dtype(item: object) -> torch.dtype | None:
    try:
        return _tensor(item).dtype
    except TargetFailure:
        return None


def _tensor(found: object) -> torch.Tensor:
    if isinstance(found, torch.Tensor):
        return found
    if isinstance(found, np.ndarray):
        try:
            return torch.from_numpy(np.ascontiguousarray(found))
        except TypeError as error:  # of a dtype that torch does not have
            raise TargetFailure("wrong dtype", f"returned {found.dtype}; expected int32 or int64") from error
    raise TargetFailure("wrong type", f"returned {type(found).__name__}; expected a torch.Tensor")
