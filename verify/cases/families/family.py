"""A family: cases of one kind, each rebuilt from (family, parameters, seed).

Source: the walk over a family's grid is a Weyl sequence, whose steps of the golden ratio spread most evenly
(Knuth, "The Art of Computer Programming", vol. 3, section 6.4).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....reference.plan import DeviceLimits, make_plan
from ....reference.policy import LATENCY, Policy, by_name
from ..case import DEVICES, Case, Origin, Scalar

# A walk over a family's grid takes steps of about this share of it, so that neighbours differ in
# every parameter; the golden ratio spreads them most evenly.
STEP = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Setting:
    """What a family builds for: a policy whose boundaries it aims at, k, and a device of DEVICES.

    policy: None leaves the choice to the plan; boundaries are then those of the latency policy. keeps_k:
    families that need a k of their own have to do with this one.
    """

    policy: str | None
    k: int
    device: str
    keeps_k: bool = False

    @property
    def boundaries(self) -> Policy:
        return LATENCY if self.policy is None else by_name(self.policy)

    @property
    def limits(self) -> DeviceLimits:
        return DEVICES[self.device]

    def ctas(self, rows: int, columns: int) -> int:
        """CTAs that share a row of a batch of logits [rows, columns]. ValueError for an unknown policy."""
        policy = None if self.policy is None else by_name(self.policy)
        return make_plan(rows, columns, self.limits, policy).ctas

    def call(self) -> dict[str, Any]:
        """The keyword arguments of lay_out that a setting decides."""
        return {"k": self.k, "policy": self.policy, "limits": self.limits}


Build = Callable[..., Case]


@dataclass(frozen=True)
class Family:
    """build(random, setting, **parameters) -> Case; grid: the values of each parameter.

    fixed_sizes: its sizes, of rows or of a batch, are no boundaries of a policy, and large: it says nothing
    new under the small ones. asks: what its cases may ask for beside the plain selection.
    """

    name: str
    summary: str
    build: Build
    grid: Mapping[str, tuple[Scalar, ...]]
    fixed_sizes: bool = False
    asks: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return math.prod(len(values) for values in self.grid.values())

    def parameters(self, visit: int, seed: int) -> dict[str, Scalar]:
        """The grid point of a campaign's visit-th visit: a walk that meets all points once in `size`."""
        step = max(1, round(self.size * STEP))
        while math.gcd(step, self.size) != 1:
            step += 1
        point = (seed + visit * step) % self.size
        chosen: dict[str, Scalar] = {}
        for name, values in self.grid.items():
            point, index = divmod(point, len(values))
            chosen[name] = values[index]
        return chosen

    def make(self, setting: Setting, parameters: Mapping[str, Scalar], seed: int) -> Case:
        """The case of (family, parameters, seed) under a setting, which its origin records too."""
        random = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        case = self.build(random, setting, **parameters)
        named = {"policy": setting.policy, "k": setting.k, "device": setting.device, **parameters}
        if setting.keeps_k:
            case, named = replace(case, k=setting.k), {**named, "keeps_k": True}
        return replace(case, origin=Origin(self.name, named, seed))


FAMILIES: dict[str, Family] = {}


def family(
    name: str, *, fixed_sizes: bool = False, asks: tuple[str, ...] = (), **grid: tuple[Scalar, ...]
) -> Callable[[Build], Build]:
    """Registers a build function under `name`; its docstring's first line is the summary."""

    def register(build: Build) -> Build:
        summary = (build.__doc__ or "").strip().splitlines()[0]
        FAMILIES[name] = Family(name, summary, build, grid, fixed_sizes, asks)
        return build

    return register
