"""Values of k and times as users write them, on any command line."""

from __future__ import annotations

import math

from ..reference.policy import MAX_K


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
