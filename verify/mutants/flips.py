"""A mutant for every comparison in the kernel's source: off by one, or reversed.

Nobody picked them, so they ask of the checker what its authors did not think of. There are many; the
command runs them where asked to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ...cuda.emulator.build import KERNEL
from .mutant import EditAt, Mutant
from .places import PlaceNames, kernel_sources

FLIPPED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
COMPARISON = re.compile(r"(?<= )(?:<=|>=|==|!=|<|>)(?= )")  # templates and shifts have no such spaces
NOT_RUN = re.compile(r"//|static_assert|template|#")

# Comparisons (in a line of the file) that may be flipped: what the line holds, and why nothing changes.
EQUIVALENT: dict[tuple[str, str], str] = {}


def flips(kernel: Path = KERNEL) -> Iterator[Mutant]:
    """A mutant a comparison, named "flip-FUNCTION-N" for the N-th of its function."""
    names = PlaceNames()
    for path, text in kernel_sources(kernel):
        for match in COMPARISON.finditer(text):
            begin = text.rfind("\n", 0, match.start()) + 1
            line = text[begin : text.index("\n", begin)]
            if NOT_RUN.search(text[begin : match.start()]):
                continue
            name = f"flip-{names.of(text, match.start())}"
            edit = EditAt(path.name, match[0], FLIPPED[match[0]], match.start())
            shown = f"{line[: match.start() - begin]}[{match[0]}]{line[match.end() - begin :]}".strip()
            yield Mutant(name, f"a flipped comparison: {shown}", (edit,), _argument(path.name, shown))


def _argument(file: str, shown: str) -> str:
    """The argument why the flip in this line changes nothing, if one is known."""
    return next((why for (known, part), why in EQUIVALENT.items() if known == file and part in shown), "")
