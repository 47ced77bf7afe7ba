"""Settings as users write them, on any command line: values of k, times, what a target takes."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..reference.policy import MAX_K


class LimitOption(NamedTuple):
    """How one of a target's limits is given. option: on a command line. kind: int, str, or bool: a flag."""

    option: str
    kind: type
    metavar: str | None
    help: str

    @property
    def name(self) -> str:
        """The limit's own name, as in a function's attributes."""
        return self.option.removeprefix("--").replace("-", "_")

    @property
    def in_pytest(self) -> str:
        """The option of the pytest plugin."""
        return f"--topk-{self.option.removeprefix('--')}"


# What a target takes (verify/targets/limits.py), but for the values of k, which steer the search too.
LIMIT_OPTIONS = (
    LimitOption("--max-rows", int, "N", "rows of a call that the target takes, at most"),
    LimitOption("--max-columns", int, "N", "columns, at most"),
    LimitOption("--max-k", int, "N", "k, at most"),
    LimitOption("--stride-multiple", int, "N", "elements that row strides and offsets are multiples of"),
    LimitOption("--contiguous", bool, None, "rows lie end to end"),
    LimitOption("--dtype", str, "NAME,...", "of the logits: some of float32, bfloat16 and float16"),
    LimitOption(
        "--takes", str, "NAME,...", "arguments of a whole call that its signature does not tell, or values"
    ),
    LimitOption("--padding", int, "N", "what the target writes behind the last column [-1]"),
)


def parse_ks(text: str | None) -> tuple[int, ...]:
    """The values of k in "512,2048"; none where there is no text. ValueError that says which is wrong."""
    if text is None:
        return ()
    try:
        ks = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"{text!r}; expected whole numbers with commas between") from error
    outside = [k for k in ks if not 1 <= k <= MAX_K]
    if outside:
        raise ValueError(f"{outside[0]}; expected 1 to {MAX_K}")
    return ks


def check_seconds(seconds: float) -> None:
    """ValueError for a time that is not above 0, or that never ends."""
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ValueError(f"{seconds}; expected a number of seconds above 0 that ends")
