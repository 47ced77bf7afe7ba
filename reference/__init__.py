"""The contract's oracle and the structural model of the kernel, in PyTorch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import oracle
    from .dispatch import topk

__all__ = ["oracle", "topk"]


def __getattr__(name: str) -> object:
    """The oracle and the model, imported on first use: the constants beside them need no torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(".oracle" if name == "oracle" else ".dispatch", __name__)
    found = module if name == "oracle" else module.topk
    globals()[name] = found  # asked for once
    return found
