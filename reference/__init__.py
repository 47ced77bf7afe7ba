"""The contract's oracle and the structural model of the kernel, in PyTorch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import oracle
    from .dispatch import topk

__all__ = ["oracle", "topk"]


def __getattr__(name: str) -> object:
    """The oracle and the model, imported when first asked for: constants beside them need no torch."""
    if name == "oracle":
        return importlib.import_module(".oracle", __name__)
    if name == "topk":
        return importlib.import_module(".dispatch", __name__).topk
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
