"""What adapters of other people's GPU kernels share: the package, the documented limits, the claims."""

from __future__ import annotations

import importlib.util
import re
from abc import abstractmethod
from collections.abc import Sequence
from importlib import metadata

import torch

from ...cases.case import Case
from ...properties import CLAIMS
from ..function import Function, FunctionTarget
from ..limits import TargetLimits
from ..target import TargetUnavailable

SELECTS = CLAIMS["selection"]
PROBED_COLUMNS = 4096  # of the first call: more than any documented k, and any documented multiple


def installed_version(distributions: Sequence[str]) -> str:
    """The version of the first of these that is installed; empty without one."""
    for name in distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""


def numbers_of(version: str) -> tuple[int, ...]:
    """(0, 7, 2) of "0.7.2.post1"."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


class PeerTarget(FunctionTarget):
    """A kernel of another package. Subclasses say where each of their statements comes from.

    package: what to import. distributions: what it may be installed as. documented: the limits that its
    documentation states. least_capability, no_major: of the GPU, as in "9.0 and newer, but not 12".
    """

    package: str
    distributions: tuple[str, ...] = ()
    documented: TargetLimits = TargetLimits()
    least_capability: tuple[int, int] | None = None
    no_major: int | None = None

    def __init__(self, name: str, claims: frozenset[str] = SELECTS, device: str = "cuda") -> None:
        super().__init__(name, None, claims, device, self.documented)

    def refuses(self, case: Case) -> str | None:
        """A limit; and no package's documentation speaks of empty calls."""
        return super().refuses(case) if case.rows and case.columns else "logits have rows and columns"

    @abstractmethod
    def load(self) -> Function:
        """The kernel as `(logits, lengths, k) -> indices`; raises whatever its package does."""

    def missing(self) -> str | None:
        """What is not installed, in words, or None."""
        if importlib.util.find_spec(self.package) is not None:
            return None
        return f"{self.name} needs the package {self.package}, which is not installed"

    def prepare(self) -> None:
        """Imports the package and calls it once; TargetUnavailable says what is missing."""
        missing = self.missing()
        if missing is not None:
            raise TargetUnavailable(missing)
        if self.on_gpu:
            if not torch.cuda.is_available():
                raise TargetUnavailable(f"{self.name} needs a CUDA device that torch can use")
            self._check_capability(torch.cuda.get_device_capability(self.device))
        try:
            self._function = self.load()
            self._probe(self._function)
        except Exception as error:
            raise TargetUnavailable(f"{self.name}: {type(error).__name__}: {error}") from error

    def _check_capability(self, found: tuple[int, int]) -> None:
        least = self.least_capability
        if (least is not None and found < least) or found[0] == self.no_major:
            wanted = "" if least is None else f" {least[0]}.{least[1]} or newer"
            wanted += "" if self.no_major is None else f", not {self.no_major}.x"
            raise TargetUnavailable(
                f"{self.name} needs a GPU of compute capability{wanted}; found {found[0]}.{found[1]}"
            )

    def _probe(self, kernel: Function) -> None:
        """A first call: some compile their kernel in it, some have none for this GPU."""
        logits = torch.zeros(1, PROBED_COLUMNS, device=self.device)
        lengths = torch.full((1,), PROBED_COLUMNS, dtype=torch.int32, device=self.device)
        kernel(logits, lengths, self.ks[0] if self.ks else 1)
        if self.on_gpu:
            torch.cuda.synchronize(self.device)

    def fingerprint(self) -> str:
        return f"{self.package} {installed_version(self.distributions or (self.package,))}".rstrip()
