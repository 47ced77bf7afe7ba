"""Places in the kernel's source that mutants are made at, named by the function around them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

FUNCTION = re.compile(
    r"^(?:  )?(?:PERSISTENT_TOPK_DEVICE|PERSISTENT_TOPK_HOST_DEVICE|constexpr)[^;{=]*?\b(\w+)\(", re.MULTILINE
)
NO_FUNCTION = "file"
# Numbers, records and wrappers: what runs on the device is in the other files.
NOT_STAGES = ("constants.cuh", "ptx.cuh", "row.cuh", "trace.cuh")


def kernel_sources(kernel: Path) -> Iterator[tuple[Path, str]]:
    """The headers that hold the kernel's stages, and their text."""
    for path in sorted(kernel.glob("*.cuh")):
        if path.name not in NOT_STAGES:
            yield path, path.read_text()


class PlaceNames:
    """Names places in the order in which they are asked for: "find-from-top-2" for a function's second."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def of(self, text: str, position: int) -> str:
        """The name of the next place in the function that is defined last before `position`."""
        names = FUNCTION.findall(text[:position])
        function = str(names[-1]).replace("_", "-") if names else NO_FUNCTION
        self._seen[function] += 1
        return f"{function}-{self._seen[function]}"
