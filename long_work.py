"""Work that takes long says so in the log `persistent_topk`: what, how long, and where its result is kept.

The command line shows that log on stderr. A library's user sees it by `logging.basicConfig(level="INFO")`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

LOGGER = logging.getLogger("persistent_topk")
LOGGER.addHandler(logging.NullHandler())  # a library is silent until its user asks
PATIENCE_SECONDS = 2.0


class _Job:
    """One piece of work. Of those that go on side by side the first to be told of says that it begins, and
    those of which it is known that they take long say when they end."""

    told: ClassVar[set[_Job]] = set()  # of those that go on
    lock: ClassVar = threading.Lock()

    def __init__(self, what: str, kept: Path | None, known_to_be_long: bool) -> None:
        self._what, self._kept, self._known = what, kept, known_to_be_long
        self._over = False

    def tell(self) -> None:
        """Says that it takes long, unless it is over or another has said so."""
        with self.lock:
            first = not self.told
            if self._over or not (first or self._known):
                return
            self.told.add(self)
        if first:
            kept = f"; kept in {self._kept}" if self._kept else ""
            LOGGER.info("%s%s", self._what, kept)

    def end(self, seconds: float) -> None:
        """Says how long it took, if it was told of."""
        with self.lock:
            self._over = True
            told = self in self.told
            self.told.discard(self)
        if told:
            LOGGER.info("%s: %.1f s", self._what, seconds)


@contextmanager
def long_work(what: str, kept: Path | None = None, at_once: bool = False) -> Iterator[None]:
    """Tells of what happens inside once it takes more than two seconds, and again when it ends.

    what: such as "compiling the merge". kept: the folder of the result. at_once: that it takes long is known.
    """
    job, began = _Job(what, kept, at_once), time.monotonic()
    timer = threading.Timer(PATIENCE_SECONDS, job.tell)
    timer.daemon = True
    if at_once:
        job.tell()
    else:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
        job.end(time.monotonic() - began)
