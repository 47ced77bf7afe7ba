"""CUB's DeviceBatchedTopK as two targets, as it comes and with ties to the lowest column.

The documentation of cub::DeviceBatchedTopK and its page on requirements say: `determinism::not_guaranteed`
with `tie_break::unspecified` leaves the subset of a tie at the k-th place open from run to run;
`determinism::gpu_to_gpu` with `tie_break::prefer_smaller_index` fixes it on any GPU; `unsorted` output is
in no order; k is clamped to the segment; a segment is at most 2^21 items, and before Hopper what one thread
block holds. CCCL 3.5 rejects everything but the first, and segments over 8192 pairs, when it is compiled;
3.6 takes both (tried with the headers of nvidia-cuda-cccl 13.3.5 and cuda-cccl 1.2.1). Nothing is said of
NaN or of the two zeros. Lengths are clamped, and slots behind them filled with -1, by the adapter, whose
kernel is compiled on first use (see verify/targets/peers/cub_library.py for where the headers may come from).
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from ....cuda.build import BuildError
from ...cases.case import Case
from ...properties import CLAIMS
from ..function import Function
from ..target import TargetUnavailable
from . import cub_library as cub
from .peer import PeerTarget

CLAIMED = {False: CLAIMS["set"], True: CLAIMS["set"] | {"lowest-column-ties", "repeatable-set"}}
FIRST_WITH_TIES = 3_006_000  # CCCL_VERSION
MOST_COLUMNS = 1 << 21
MOST_COLUMNS_BEFORE = 8192  # in 3.5
VERSION_HEADER = Path("cuda/std/__cccl/version.h")


def version_of(headers: Path) -> int:
    """CCCL_VERSION of an include folder, such as 3006000; 0 where it does not tell."""
    try:
        text = (headers / VERSION_HEADER).read_text()
    except OSError:
        return 0
    found = re.search(r"#\s*define\s+CCCL_VERSION\s+(\d+)", text)
    return int(found.group(1)) if found else 0


class CubTarget(PeerTarget):
    """ties: with prefer_smaller_index."""

    package = "cuda-cccl"

    def __init__(self, ties: bool, device: str = "cuda") -> None:
        super().__init__("cub.batched_topk_ties" if ties else "cub.batched_topk", CLAIMED[ties], device)
        self._ties = ties

    @functools.cached_property
    def _version(self) -> int:
        return version_of(cub.find_headers())

    def missing(self) -> str | None:
        try:
            version = self._version
        except (cub.CubUnavailable, BuildError) as error:
            return f"{self.name} needs the package {self.package}, or a toolkit with as new a CUB: {error}"
        if self._ties and version < FIRST_WITH_TIES:
            return f"{self.name} needs the package {self.package} with CCCL 3.6; found CCCL_VERSION {version}"
        return None

    def load(self) -> Function:
        loaded = cub.load()
        return functools.partial(loaded.topk, ties=self._ties)

    def fingerprint(self) -> str:
        return f"CCCL {self._version}"

    def refuses(self, case: Case) -> str | None:
        try:
            most = MOST_COLUMNS if self._version >= FIRST_WITH_TIES else MOST_COLUMNS_BEFORE
        except (cub.CubUnavailable, BuildError) as error:
            raise TargetUnavailable(str(error)) from error
        return f"at most {most} columns" if case.columns > most else super().refuses(case)
