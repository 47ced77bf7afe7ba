"""A first look at a mutant: one kernel of the smallest policy is compiled, and small cases are put to it.

Most mutants die of that, within seconds; the whole campaign, which compiles every kernel of every policy, is
for the others. A hint says which case killed a mutant before: then that one comes first, with its kernel, or
with those of its launches. Kernels of a look are compiled briefly: nearly all of a trial is the compiler's
time.

Source: test prioritisation (Rothermel and others, "Prioritizing test cases for regression testing", 2001).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from ..campaign.campaign import CALLS
from ..campaign.scales import FIRST
from ..cases.asking import NARROW_DTYPES
from ..cases.case import Case, Origin
from ..cases.dtypes import DTYPES
from ..cases.families import FAMILIES, Setting, from_origin
from ..judging.examination import Subject, examine
from ..judging.measurement import Measurement
from .mutant import Mutant
from .targets import MutantTarget

POLICY = "tiny"
HINTS_FILE = Path(__file__).with_name("hints.json")
MOST_CASES = 60  # of one look
VISITS = 8  # of each family, which give so many cases and more of every entry

# Devices on which a call of the policy is of the entry, if its rows are as long as that takes.
DEVICES = {
    "wide": ("single",),
    "shared": ("pair", "small"),
    "narrowest": ("small",),
    "cooperative": ("unclustered",),
}
KS = (8, 1, 40, 3, 20)

# Entries that run the code of a file, the likeliest first; of the other files all do.
LIKELIEST = {
    "cluster_mail.cuh": ("shared",),
    "workspace_mail.cuh": ("cooperative",),
    "large.cuh": ("shared", "cooperative"),
    "team.cuh": ("shared", "cooperative"),
    "medium.cuh": ("wide", "shared"),
    "sample.cuh": ("wide", "shared"),
    "list.cuh": ("wide", "shared"),
    "map.cuh": ("wide", "shared"),
    "stream.cuh": ("wide", "shared", "cooperative"),
    "decode.cuh": ("narrowest", "wide"),
    "trivial.cuh": ("narrowest", "wide"),
    "call.cuh": ("narrowest", "wide"),
    "places.cuh": ("narrowest", "wide"),
    "dtypes.cuh": ("narrowest", "wide"),
    "order.cuh": ("narrowest", "wide"),
}


# Files of whole calls: families of these come first, and of the dtypes' file those dtypes.
WHOLE_FILES = ("call.cuh", "places.cuh", "dtypes.cuh")
DTYPE_FILES = ("dtypes.cuh", "order.cuh")

SEVERAL = "several"  # calls of several launches, each of which runs a kernel
EVERY = ("shared", "wide", "narrowest", "cooperative")


@dataclass(frozen=True)
class Hint:
    """origin: of a case of a family that kills a mutant. schedule: the number of the first call's, in the
    emulator's order."""

    origin: Origin
    schedule: int

    @classmethod
    def of(cls, told: dict[str, Any]) -> Hint:
        """The hint that asdict() made `told` of."""
        return cls(Origin(**told["origin"]), told["schedule"])


def hints() -> dict[str, Hint]:
    """What killed each mutant before, by its name."""
    return {name: Hint.of(told) for name, told in json.loads(HINTS_FILE.read_text()).items()}


def entry_of(case: Case) -> str:
    """Which kernel of its policy a call is run by, or several."""
    entries = case.plan.entries(case.columns, case.limits)
    return SEVERAL if len(entries) > 1 else next(iter(entries.values()))


def cases_for(
    entry: str, dtype: torch.dtype = torch.float32, whole: bool = False
) -> Iterator[tuple[Hint, Case]]:
    """What one kernel of POLICY is looked at with, in a fixed order: a case of each family in turn. dtype: of
    its logits. whole: families of whole calls alone."""
    families = [kind for kind in FAMILIES.values() if not kind.fixed_sizes and bool(kind.asks) == whole]
    families.sort(key=lambda kind: FIRST.index(kind.name) if kind.name in FIRST else len(FIRST))
    settings = [Setting(POLICY, k, device) for k in KS for device in DEVICES[entry]]
    found = 0
    for visit in range(VISITS):
        for number, kind in enumerate(families):
            setting = settings[(visit + number) % len(settings)]
            case = kind.make(setting, kind.parameters(visit, 0), visit)
            if kernel_of(case) == (POLICY, entry, dtype):
                yield Hint(case.origin, found * CALLS), case
                found += 1


Kernel = tuple[str, str, torch.dtype]


def kernel_of(case: Case) -> Kernel:
    """(policy, entry, dtype of logits) of the kernel that a call is run by."""
    return case.plan.policy.name, entry_of(case), case.storage.dtype


class LookTarget(MutantTarget):
    """The mutant with the kernel of some calls alone, always traced: no other is compiled. kernel: its
    policy and entry."""

    def __init__(self, headers: Path, kernel: Kernel) -> None:
        super().__init__(headers)
        self._kernel = kernel
        self._altered["brief"] = self._traced = True

    def refuses(self, case: Case) -> str | None:
        """Calls that another kernel runs."""
        return None if kernel_of(case) == self._kernel else "a call of another kernel"


@dataclass(frozen=True)
class Kill:
    """A case that breaks claims of a mutant. cases: how many were put to it until then."""

    target: MutantTarget
    hint: Hint
    broken: dict[str, Measurement]
    cases: int


def first_looks(mutant: Mutant, headers: Path) -> Kill | None:
    """What kills the mutant, whose altered headers are given, at first sight; None if nothing does."""
    hint, cases = hints().get(mutant.name), 0
    if hint is not None:
        case, cases = from_origin(hint.origin), 1
        target = LookTarget(headers, kernel_of(case))
        if broken := _broken(target, hint, case):
            return Kill(target, hint, broken, cases)
    for entry, dtype, whole in _looks(mutant):
        target = LookTarget(headers, (POLICY, entry, dtype))
        for found, case in islice(cases_for(entry, dtype, whole), MOST_CASES):
            cases += 1
            if broken := _broken(target, found, case):
                return Kill(target, found, broken, cases)
    return None


def _looks(mutant: Mutant) -> Iterator[tuple[str, torch.dtype, bool]]:
    """(entry, dtype, whether of whole calls) of each look at a mutant, the likeliest to kill it first."""
    files = {edit.file for edit in mutant.edits}
    likely = [name for edit in mutant.edits for name in LIKELIEST.get(edit.file, ())]
    entries = list(dict.fromkeys((*likely, *EVERY)))
    plain = [(entry, torch.float32, False) for entry in entries]
    whole = [(entry, torch.float32, True) for entry in entries]
    narrow = [(entry, DTYPES[name], True) for entry in entries for name in NARROW_DTYPES]
    if not files.intersection(DTYPE_FILES):
        narrow = []
    yield from (*narrow, *whole, *plain) if files.intersection(WHOLE_FILES) else (*plain, *narrow, *whole)


def every_look(headers: Path) -> Kill | None:
    """What a first look at any mutant would kill the kernel itself by, which nothing should."""
    looks = [found for entry in EVERY for found, _ in islice(cases_for(entry), MOST_CASES)]
    different = {str(found): found for found in (*hints().values(), *looks)}
    for cases, found in enumerate(different.values(), 1):
        case = from_origin(found.origin)
        target = LookTarget(headers, kernel_of(case))
        if broken := _broken(target, found, case):
            return Kill(target, found, broken, cases)
    return None


def _broken(target: MutantTarget, hint: Hint, case: Case) -> dict[str, Measurement]:
    """What the case breaks of the target's claims, by property."""
    schedules = [target.schedule(hint.schedule + call) for call in range(CALLS)]
    measured = examine(target, Subject(case), schedules)
    return {item.promise: item for item in measured if item.broken and item.promise in target.claims}
