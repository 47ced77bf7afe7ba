"""What bounds a campaign: seconds or a number of cases, less what is put beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHRINK_SECONDS = 120.0  # the most for shrinking where the budget is a number of cases: attempts end it sooner
OVERTIME = 1.03  # a case that would end later than this part of the budget is not started


class Budget:
    """seconds or cases: the bound, the other being None. The clock runs from start(). waited: the seconds so
    far in which a target compiled what a first call needs; the clock stands meanwhile."""

    def __init__(
        self, seconds: float | None, cases: int | None, waited: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._waited = waited
        self.seconds = None if cases is not None else seconds
        self.cases = cases
        self._done = 0
        self._apart = 0.0  # seconds that do not count
        self._stopped: float | None = None  # when the clock was stopped, while it is
        self.start()

    def start(self) -> None:
        """Sets the clock to 0."""
        self._started = self.clock()

    def clock(self) -> float:
        """Seconds that count, from a moment of no meaning."""
        return time.monotonic() - self._waited()

    def elapsed(self) -> float:
        """Seconds since the start, those apart included."""
        return self.clock() - self._started

    def count_case(self) -> None:
        """Counts a case, unless it is beside the budget."""
        self._done += self._stopped is None

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Neither cases nor time count inside."""
        self._stopped = self.clock()
        try:
            yield
        finally:
            self._apart += self.clock() - self._stopped
            self._stopped = None

    def _spent(self) -> float:
        return (self._stopped or self.clock()) - self._started - self._apart

    def used(self) -> float:
        """The share of the budget that is used, 1 at its end."""
        if self.cases is not None:
            return self._done / max(1, self.cases)
        return self._spent() / (self.seconds or 1.0)

    def fits(self, cost: float) -> bool:
        """Whether a case that takes `cost` seconds would end in time."""
        return self.seconds is None or self._spent() + cost <= self.seconds * OVERTIME

    def shrink_deadline(self) -> float:
        """When shrinking has to end, by time.monotonic()."""
        if self.seconds is None:
            return time.monotonic() + SHRINK_SECONDS
        return time.monotonic() + self.seconds - self._spent()
