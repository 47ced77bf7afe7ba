"""Patience with first calls: a kernel may be compiled in the first call of a shape, which is no hang."""

from __future__ import annotations

from collections.abc import Hashable

PATIENCE = 400.0  # seconds for one first call: the longest compilation of a published kernel took 363
TOTAL_PATIENCE = 600.0  # and for all of a target
SLOW = 1.0  # seconds: a first call that takes longer may have compiled something
SHAPES = 8  # so many first calls without a slow one: this target is unlikely to compile,
SURPRISE = 60.0  # and gets this much for one that is slow all the same
ROW_SECONDS, LOGIT_SECONDS = 1e-4, 1e-7  # of a loop in Python over rows, and of a sort in it
TELLING = 1e-3  # usual seconds from which on a call tells how slow a target is, and not what any call costs


def usual_seconds(rows: int, columns: int) -> float:
    """What a call of a slow function takes that has nothing to compile; 0 where there are no logits."""
    return ROW_SECONDS * rows + LOGIT_SECONDS * rows * columns if columns else 0.0


class FirstCalls:
    """patience: seconds that one first call may take. total: seconds that all of a target may take longer
    than the next calls of their shapes. waited: how many they have taken."""

    def __init__(self, patience: float = PATIENCE, total: float = TOTAL_PATIENCE) -> None:
        self.patience = patience
        self.total = total
        self.waited = 0.0
        self._seen: set[Hashable] = set()
        self._shapes = 0
        self._slow: dict[Hashable, float] = {}
        self._compiles = False
        self._hangs = False
        self._later = [0.0, 0.0]  # seconds that later calls took, and that such calls usually take

    @property
    def left(self) -> float:
        return max(0.0, self.total - self.waited)

    @property
    def slowness(self) -> float:
        """How many times as long as usual later calls took, at least 1."""
        took, usual = self._later
        return max(1.0, took / usual) if usual else 1.0

    def limit(self, shape: Hashable, ordinary: float, empty: bool = False) -> float:
        """Seconds that a call of this shape may take. ordinary: what a later call of a shape may. empty:
        whether it has no logits: a target that never compiled has nothing to do there."""
        quick = self._shapes >= SHAPES and not self._compiles
        if shape in self._seen or self._hangs or (quick and empty):
            return ordinary
        return max(ordinary, min(SURPRISE if quick else self.patience, self.left))

    def answered(self, shape: Hashable, seconds: float, usual: float = 0.0) -> None:
        """Counts a call of a shape that was answered after some seconds: of a slow first call, what it took
        longer than the shape's second. usual: what such a call takes of a function that has nothing to
        compile; as many times that as later calls took is no compiling either."""
        if shape not in self._seen:
            self._seen.add(shape)
            self._shapes += 1
            if seconds > SLOW + usual * self.slowness:
                self._compiles = True
                self._slow[shape] = seconds
                self.waited += seconds
            return
        if usual > TELLING:
            self._later = [self._later[0] + seconds, self._later[1] + usual]
        if shape in self._slow:
            self.waited -= min(seconds, self._slow.pop(shape))

    def forget(self) -> None:
        """A new process has compiled nothing yet: every shape's next call is a first one again."""
        self._seen.clear()
        self._slow.clear()

    def unanswered(self, shape: Hashable, limit: float, ordinary: float) -> bool:
        """Counts a call of a shape that was given up after `limit` seconds; whether it is a hang: not where
        the total had run out and so kept its patience short. ordinary: as for `limit`."""
        if limit <= ordinary:
            return True
        short = limit < self.patience and limit >= self.left
        self.waited += limit - ordinary
        self._hangs = self._hangs or not short
        return not short

    def exhausted(self) -> str | None:
        """That the total has run out, in words, or None."""
        if self.waited < self.total:
            return None
        return f"its first calls took {self.waited:.0f} s, and they have {self.total:g} s (--total-patience)"
