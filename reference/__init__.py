"""The contract's oracle and the structural model of the kernel, in PyTorch."""

from . import oracle
from .dispatch import topk

__all__ = ["oracle", "topk"]
