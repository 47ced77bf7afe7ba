"""The calls that a process has answered: a failure may need what a call before it left behind."""

from __future__ import annotations

from collections import deque

from ..cases.case import Case

FIRST = 8  # calls that are kept from the start,
LATEST = 24  # and from the end
MOST_BYTES = 4 << 20  # of a call that is kept


class CallLog:
    """The first calls and the latest: the state of a function is mostly of one of these."""

    def __init__(self) -> None:
        self._first: list[Case] = []
        self._latest: deque[Case] = deque(maxlen=LATEST)

    def add(self, case: Case) -> None:
        """Takes a call's case; it is not copied."""
        if case.storage.nbytes > MOST_BYTES:
            return
        if len(self._first) < FIRST:
            self._first.append(case)
        else:
            self._latest.append(case)

    def kept(self) -> tuple[Case, ...]:
        """In the order in which they were made."""
        return (*self._first, *self._latest)

    def clear(self) -> None:
        """Forgets them all, with the process."""
        self._first.clear()
        self._latest.clear()
