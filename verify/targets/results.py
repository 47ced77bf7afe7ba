"""What a function may return for a top-k, and the indices in it."""

from __future__ import annotations

import numpy as np
import torch

from .target import TargetFailure

INTEGERS = (torch.int32, torch.int64)
PAIR = 2  # of values and indices, in either order


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
