"""Clocks that a busy machine does not push on, and how long is so long that something hangs."""

from __future__ import annotations

HANG_SECONDS = 600.0  # ends a process that never would; no test waits for it


class Clock:
    """A clock that stands still but for what a test makes of it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now
