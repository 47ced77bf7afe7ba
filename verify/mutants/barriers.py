"""A mutant for every barrier in the kernel's source: the barrier deleted.

They are found in the source, not listed, so that a barrier added tomorrow is put on trial too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...cuda.emulator_build import KERNEL
from .mutant import DoesNotApply, Edit, Mutant

# What waits for the CTA, for the CTAs of a team, for the lanes of a warp: calls, not definitions.
BARRIER = re.compile(
    r"__syncthreads\(\)|__syncwarp\(\)|(?<!void )\bexchange\(\)"
    r"|ptx::cluster_arrive\(\);\s*ptx::cluster_wait\(\)"
)
OBJECT = re.compile(r"\b\w+\.$")  # of `team.exchange()`
FUNCTION = re.compile(r"PERSISTENT_TOPK_DEVICE[^;{=]*?\b(\w+)\(")
NO_FUNCTION = "file"
PUBLISHED = "a barrier lost: vLLM #41444, FlashInfer #5251, pytorch #177149"
DELETED = "(void)0"

# Where deleting a barrier changes nothing that the language or the hardware could show: why not.
EQUIVALENT: dict[str, str] = {}


class LostBarrier(Edit):
    """The barrier that starts at `position` of the file; `old` is its text, which occurs often."""

    position: int

    def __init__(self, file: str, old: str, position: int) -> None:
        super().__init__(file, old, DELETED)
        object.__setattr__(self, "position", position)

    def in_text(self, text: str) -> str:
        end = self.position + len(self.old)
        if text[self.position : end] != self.old:
            raise DoesNotApply(f"{self.file} has no {self.old!r} at {self.position}")
        return text[: self.position] + self.new + text[end:]


def lost_barriers(kernel: Path = KERNEL) -> Iterator[Mutant]:
    """A mutant a barrier, named "lost-barrier-FUNCTION-N" for the N-th of its function."""
    seen: Counter[str] = Counter()
    for path in sorted(kernel.glob("*.cuh")):
        if path.name == "ptx.cuh":  # the wrappers' own definitions
            continue
        text = path.read_text()
        for match in BARRIER.finditer(text):
            called = OBJECT.search(text[: match.start()])
            start = called.start() if called else match.start()
            function = _function_at(text, start)
            seen[function] += 1
            name = f"lost-barrier-{function.replace('_', '-')}-{seen[function]}"
            edit = LostBarrier(path.name, text[start : match.end()], start)
            yield Mutant(name, PUBLISHED, (edit,), EQUIVALENT.get(name, ""))


def _function_at(text: str, position: int) -> str:
    """The name of the function that is defined last before `position`."""
    names = FUNCTION.findall(text[:position])
    return str(names[-1]) if names else NO_FUNCTION
