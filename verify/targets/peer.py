"""What adapters of other people's GPU kernels share: the package, the documented limits, the claims."""

from __future__ import annotations

import importlib.util
import math
from abc import abstractmethod
from importlib import metadata

import torch

from ..cases import Case
from ..properties import CLAIMS
from .function import Function, FunctionTarget
from .target import TargetUnavailable


class PeerTarget(FunctionTarget):
    """A kernel of another package. Subclasses say where each of their statements comes from.

    package: what to import. most_rows: of one call.
    stride_multiple: what row strides must be a multiple of, in elements.
    """

    package: str
    most_rows: int | None = None
    stride_multiple: int = 1

    def __init__(self, name: str, claims: frozenset[str] = CLAIMS["set"], device: str = "cuda") -> None:
        super().__init__(name, None, claims, device)

    @abstractmethod
    def load(self) -> Function:
        """The kernel as `(logits, lengths, k) -> indices`; raises whatever its package does."""

    def missing(self) -> str | None:
        """What is not installed, in words, or None."""
        if importlib.util.find_spec(self.package) is not None:
            return None
        return f"{self.name} needs the package {self.package}, which is not installed"

    def prepare(self) -> None:
        """Imports the package; TargetUnavailable says what is missing."""
        missing = self.missing()
        if missing is not None:
            raise TargetUnavailable(missing)
        if self.device != "cpu" and not torch.cuda.is_available():
            raise TargetUnavailable(f"{self.name} needs a CUDA device that torch can use")
        try:
            self._function = self.load()
        except Exception as error:
            raise TargetUnavailable(f"{self.name}: {type(error).__name__}: {error}") from error

    def fingerprint(self) -> str:
        try:
            return f"{self.package} {metadata.version(self.package.replace('_', '-'))}"
        except metadata.PackageNotFoundError:
            return self.package

    def beyond(self, k: int, rows: int, row_stride: int) -> str | None:
        """The documented limit that a call of these sizes is beyond, in words, or None."""
        if self.ks is not None and k not in self.ks:
            return f"k is one of {', '.join(map(str, self.ks))}"
        if self.most_rows is not None and rows > self.most_rows:
            return f"at most {self.most_rows} rows"
        if row_stride % self.stride_multiple:
            return f"row strides are multiples of {self.stride_multiple}"
        return None

    def refuses(self, case: Case) -> str | None:
        """The documented limit that the case is beyond, or None."""
        # Both are multiples of what their greatest common divisor is a multiple of.
        return self.beyond(case.k, case.rows, math.gcd(case.row_stride, case.offset))
