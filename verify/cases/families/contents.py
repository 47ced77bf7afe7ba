"""Every kind of value, in every order, on every path."""

from __future__ import annotations

import numpy as np

from ..arrangements import ORDERS, in_order
from ..case import Case, lay_out
from ..values import CONTENTS
from .bins import PATHS, path_length
from .family import Setting, family


@family("contents", content=tuple(CONTENTS), order=ORDERS, path=PATHS)
def contents(random: np.random.Generator, setting: Setting, content: str, order: str, path: str) -> Case:
    """A row of one kind of value: ties, NaN, infinities, subnormals, one bin, low bits, any bits."""
    n = path_length(path, setting)
    row = in_order(CONTENTS[content](random, n, setting.k), order)
    return lay_out([row], **setting.call())


@family("normals", path=PATHS, count=(1, 3), odd=(0, 1, 17))
def normals(random: np.random.Generator, setting: Setting, path: str, count: int, odd: int) -> Case:
    """Normal scores, the input that most tests stop at."""
    n = path_length(path, setting) + odd
    return lay_out([CONTENTS["normal"](random, n - row) for row in range(count)], **setting.call())
