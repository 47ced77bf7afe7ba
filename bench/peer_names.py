"""The peers that a run is asked for, by name."""

from __future__ import annotations

TORCH, CUB, CUB_TIES = "torch", "cub", "cub-ties"
ALL, NONE = "all", "none"


def choose(text: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """The peers of --peers: "all", "none" or names with commas between; ValueError for an unknown one."""
    if text in (ALL, NONE):
        return names if text == ALL else ()
    chosen = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in chosen:
        if name not in names:
            some = ", ".join(names)
            raise ValueError(
                f"--peers is {text!r}; expected {ALL}, {NONE} or, commas between, some of {some}"
            )
    return chosen
