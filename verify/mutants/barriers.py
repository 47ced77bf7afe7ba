"""A mutant for every barrier in the kernel's source: the barrier deleted.

They are found in the source, not listed, so that a barrier added tomorrow is put on trial too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ...cuda.emulator.build import KERNEL
from .mutant import EditAt, Mutant
from .places import PlaceNames, kernel_sources

# What waits for the CTA, for the lanes of a warp, for the CTAs of a team or of the grid, for what they post:
# calls, not definitions and comments.
BARRIER = re.compile(
    r"(?:__syncthreads\(\)|__syncwarp\(\)|ptx::grid_barrier\(\)|\bawait_peers\(\)|\bawait\(\w+\))(?=;)"
)
OBJECT = re.compile(r"(?:\b\w+\.)+$")  # of `team.mail.await_peers()`
PUBLISHED = "a barrier lost: vLLM #41444, FlashInfer #5251, pytorch #177149"
DELETED = "(void)0"


def lost_barriers(kernel: Path = KERNEL) -> Iterator[Mutant]:
    """A mutant a barrier, named "lost-barrier-FUNCTION-N" for the N-th of its function."""
    names = PlaceNames()
    for path, text in kernel_sources(kernel):
        for match in BARRIER.finditer(text):
            called = OBJECT.search(text[: match.start()])
            start = called.start() if called else match.start()
            name = f"lost-barrier-{names.of(text, start)}"
            edit = EditAt(path.name, text[start : match.end()], DELETED, start)
            yield Mutant(name, PUBLISHED, (edit,))
