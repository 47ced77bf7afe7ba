"""Sizes of cases, each walked family by family, and how the time is shared between them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..cases.case import Case
from ..cases.families import FAMILIES, Family, Setting

# Shipped policies have boundaries of 256 to 65536 columns, the small ones the same within a thousand.
SHIPPED_SETTINGS = (
    Setting("latency", 2048, "h100"),
    Setting("dense", 2048, "h100"),
    Setting("latency", 1024, "single"),
    Setting(None, 512, "h100"),
    Setting("compact", 2048, "unclustered"),
    Setting("dense", 31, "h100"),
    Setting("latency", 4096, "h100"),
    Setting("latency", 1, "h100"),
)
SHIPPED_TOURS = 3  # of the first settings: rows are shared, not shared, and held in registers up to 32768
SMALL_SETTINGS = (
    Setting("small", 32, "small"),
    Setting("tiny", 8, "pair"),
    Setting("small", 40, "unclustered"),
    Setting("small", 100, "single"),
    Setting("tiny", 1, "single"),
    Setting("small", 5, "pair"),
    Setting("tiny", 20, "unclustered"),
    Setting("tiny", 40, "small"),
    Setting("small", 1, "small"),
    Setting("small", 300, "small"),
    Setting("tiny", 3, "small"),
)


@dataclass(frozen=True)
class Shares:
    """Of the time: for cases of the shipped policies' size, for small ones, for recipes, for edges at named
    lengths, and for growing extents."""

    shipped: float
    small: float
    recipes: float
    edges: float
    extents: float


# Every path in the first case of each scale; then what most kernels that fail, fail at.
FIRST = ("tour", "published", "capacities", "contents", "short-lengths", "tie-plateaus", "every-boundary")
COMMONEST = "commonest"
PUBLISHED = tuple((name, SHIPPED_SETTINGS[0]) for name in ("published", "capacities"))
SHARED_BY_THE_PLAN = ("long-row-shared-by-the-plan", SHIPPED_SETTINGS[0])  # wide for others, and cheap for us
FIRST_SHARE = 0.25  # of the budget, after which the published ones wait for their turn
APART = (
    COMMONEST,
    "edges",
    "extents",
    SHARED_BY_THE_PLAN[0],
)  # families that have their turn by themselves, unless they are named

# Big cases are dear where they are emulated, and what matters to others.
OWN_SHARES, SHARES_OF_OTHERS = Shares(0.42, 0.32, 0.18, 0.04, 0.04), Shares(0.48, 0.1, 0.1, 0.12, 0.2)


@dataclass
class Scale:
    """One size of cases, walked family by family; `spent` decides which scale is next. The first family
    is walked under `tours` settings before the others: together they have a row on every path."""

    name: str
    settings: tuple[Setting, ...]
    families: tuple[Family, ...]
    share: float
    tours: int = 1
    visits: int = 0
    spent: float = 0.0
    cost: dict[str, float] = field(default_factory=dict)  # seconds of each family's last case

    def next_family(self) -> Family:
        return self.families[max(0, self.visits - self.tours + 1) % len(self.families)]

    def next_case(self, seed: int) -> Case:
        """The next family's next grid point, under settings that shift by one each round."""
        kind = self.next_family()
        walked = max(0, self.visits - self.tours + 1)
        lap, number = divmod(walked, len(self.families))
        place = number + lap + self.tours - 1 if walked else self.visits
        self.visits += 1
        return kind.make(self.settings[place % len(self.settings)], kind.parameters(lap, seed), seed + lap)

    def spend(self, case: Case, seconds: float) -> None:
        """Counts what a case took."""
        self.spent += seconds
        self.cost[case.origin.family] = seconds

    def likely_cost(self) -> float:
        """Seconds of the next case, going by its family's last, or by the dearest of the others before
        there was one."""
        return self.cost.get(self.next_family().name, max(self.cost.values(), default=0.0))


@dataclass
class Recipes:
    """The share of the recipes, as a scale has one. visits: cases, of so many bursts. cost: the seconds
    of the dearest lately."""

    share: float
    visits: int = 0
    bursts: int = 0
    spent: float = 0.0
    cost: float = 0.0

    def spend(self, seconds: float) -> None:
        """Counts what a case took."""
        self.visits += 1
        self.spent += seconds
        self.cost = max(seconds, 0.5 * self.cost)

    def likely_cost(self) -> float:
        """Seconds of the next case."""
        return self.cost


def first_cases(seed: int, ks: Sequence[int], own: bool) -> Iterator[Case]:
    """What most kernels that fail, fail at: the commonest mistakes in small; for others' kernels then all
    published failures, and the buffers of these filled. For ours, a size of call that is met nowhere else.
    ks: in place of the settings' own."""
    named = ((COMMONEST, SMALL_SETTINGS[0]), *((SHARED_BY_THE_PLAN,) if own else PUBLISHED))
    for name, setting in named:
        kind = FAMILIES[name]
        if ks:
            setting = Setting(setting.policy, ks[0], setting.device, keeps_k=True)
        for visit, point in enumerate(itertools.product(*kind.grid.values())):
            yield kind.make(setting, dict(zip(kind.grid, point, strict=True)), seed + visit)


def make_scales(families: Sequence[str], ks: Sequence[int], shares: Shares) -> list[Scale]:
    """The scales of a campaign. families: names, or none for all. ks: in place of the settings' own."""
    chosen = [FAMILIES[name] for name in families or FAMILIES if families or name not in APART]
    chosen.sort(key=lambda kind: FIRST.index(kind.name) if kind.name in FIRST else len(FIRST))

    def settings(defaults: tuple[Setting, ...]) -> tuple[Setting, ...]:
        if not ks:
            return defaults
        return tuple(
            Setting(setting.policy, ks[index % len(ks)], setting.device, keeps_k=True)
            for index, setting in enumerate(defaults * len(ks))
        )

    scales = [Scale("shipped", settings(SHIPPED_SETTINGS), tuple(chosen), shares.shipped, SHIPPED_TOURS)]
    short = tuple(kind for kind in chosen if not kind.fixed_sizes)
    if short:
        scales.append(Scale("small", settings(SMALL_SETTINGS), short, shares.small))
    return scales
