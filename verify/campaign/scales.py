"""Sizes of cases, each walked family by family, and how the time is shared between them."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
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
TOURS = SHIPPED_TOURS, SHIPPED_TOURS
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
# Of whole calls: of other people's kernels no boundary is known, and small calls are cheap.
WHOLE_SETTINGS_OF_OTHERS = tuple(
    setting for pair in zip(SMALL_SETTINGS, SHIPPED_SETTINGS, strict=False) for setting in pair
)


@dataclass(frozen=True)
class Shares:
    """Of the time: for cases of the shipped policies' size, for small ones, for recipes, for edges at named
    lengths, for growing extents, and for whole calls where a target takes such."""

    shipped: float
    small: float
    recipes: float
    edges: float
    extents: float
    whole: float


# Every path in the first case of each scale; then what most kernels that fail, fail at.
FIRST = ("tour", "published", "capacities", "contents", "short-lengths", "tie-plateaus", "every-boundary")
FIRST_WHOLE = ("values", "page-tables", "windows", "anything")  # which judge every property
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
OWN_SHARES = Shares(0.42, 0.32, 0.18, 0.04, 0.04, 0.2)
SHARES_OF_OTHERS = Shares(0.48, 0.1, 0.1, 0.12, 0.2, 0.2)


@dataclass
class Scale:
    """One size of cases, walked family by family; `spent` decides which scale is next. The first family
    is walked under `tours` settings before the others: together they have a row on every path. at_once:
    visits that come before all else."""

    name: str
    settings: tuple[Setting, ...]
    families: tuple[Family, ...]
    share: float
    tours: int = 1
    at_once: int = 1
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


def _in_order(kinds: Iterable[Family], first: Sequence[str]) -> list[Family]:
    """The families, those that come first in front."""
    return sorted(kinds, key=lambda kind: first.index(kind.name) if kind.name in first else len(first))


def make_scales(
    families: Sequence[str], ks: Sequence[int], shares: Shares, own: bool = True, takes: Collection[str] = ()
) -> list[Scale]:
    """The scales of a campaign. families: names, or none for all. ks: in place of the settings' own. own:
    whether a target is ours. takes: what of a whole call some target takes."""
    usual = (name for name, kind in FAMILIES.items() if name not in APART and not kind.asks)
    chosen = _in_order((FAMILIES[name] for name in families or usual), FIRST)

    def settings(defaults: tuple[Setting, ...]) -> tuple[Setting, ...]:
        if not ks:
            return defaults
        return tuple(
            Setting(setting.policy, ks[index % len(ks)], setting.device, keeps_k=True)
            for index, setting in enumerate(defaults * len(ks))
        )

    scales = [Scale("shipped", settings(SHIPPED_SETTINGS), tuple(chosen), shares.shipped, *TOURS)]
    short = tuple(kind for kind in chosen if not kind.fixed_sizes)
    if short:
        scales.append(Scale("small", settings(SMALL_SETTINGS), short, shares.small))
    whole = _in_order((kind for kind in FAMILIES.values() if set(takes) & set(kind.asks)), FIRST_WHOLE)
    if whole and not families:
        defaults = settings(SMALL_SETTINGS if own else WHOLE_SETTINGS_OF_OTHERS)
        scales.insert(0, Scale("whole", defaults, tuple(whole), shares.whole, at_once=len(FIRST_WHOLE)))
    return scales
