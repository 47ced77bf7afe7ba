"""The emulator's shared libraries as Python sees them: schedules in, failures and statistics out.

Source: the schedule "pct" is after Burckhardt et al., "A randomized scheduler with probabilistic guarantees
of finding bugs" (ASPLOS 2010), with warps in the place of threads.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path

from ..cache import load_library

KINDS = ("round_robin", "reverse", "starve", "random", "pct")
KIND_BYTES = 32
MESSAGE_BYTES = 16384
SYMBOLIZER_TIMEOUT_SECONDS = 20
CALLERS = 4  # places shown for one code address: the innermost, and those it was inlined into


@dataclass(frozen=True)
class Schedule:
    """Who runs next on the emulated device: the same schedule gives the same interleaving.

    kind: "round_robin", "reverse" (the last warp and lane first), "starve" (one warp of each CTA, or one
    whole CTA, runs only when nothing else can), "random" (a uniform choice at every step) or "pct"
    (priorities that change at `depth` - 1 random steps of the first `steps`). resident: clusters
    resident at once (0: one for round_robin, else two). Written and read as "pct:seed=7,depth=3".
    """

    kind: str = "round_robin"
    seed: int = 0
    depth: int = 3
    steps: int = 1 << 14
    resident: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"schedule kind is {self.kind!r}; expected one of {', '.join(KINDS)}")
        for name, least in (("seed", 0), ("depth", 1), ("steps", 1), ("resident", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"schedule {name} is {getattr(self, name)}; expected {least} or more")

    def __str__(self) -> str:
        chosen = [
            f"{f.name}={getattr(self, f.name)}"
            for f in fields(self)[1:]
            if getattr(self, f.name) != f.default
        ]
        return ":".join([self.kind, ",".join(chosen)] if chosen else [self.kind])

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """The schedule that str() wrote as `text`. Raises ValueError that names what is wrong."""
        kind, _, options = text.partition(":")
        known = {f.name for f in fields(cls)[1:]}
        values = {}
        for option in filter(None, options.split(",")):
            name, _, value = option.partition("=")
            if name not in known or not value.isdigit():
                raise ValueError(
                    f"schedule {text!r} has {option!r}; expected one of {', '.join(sorted(known))} = number"
                )
            values[name] = int(value)
        return cls(kind, **values)


class EmulationError(RuntimeError):
    """The kernel made a mistake such as a race. `kind` is its name; the message has the threads and the
    place."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


@dataclass(frozen=True)
class Statistics:
    """Counts of one launch: accesses, scheduling steps, barriers and collectives completed, atomics."""

    accesses: int = 0
    steps: int = 0
    block_barriers: int = 0
    collectives: int = 0
    atomics: int = 0

    def __add__(self, other: Statistics) -> Statistics:
        """What two launches did together."""
        return Statistics(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


class _ScheduleOptions(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_int32),
        ("depth", ctypes.c_int32),
        ("seed", ctypes.c_uint64),
        ("steps", ctypes.c_int64),
        ("resident", ctypes.c_int32),
    )


class _RunOptions(ctypes.Structure):
    _fields_ = (("schedule", _ScheduleOptions), ("access_budget", ctypes.c_int64), ("judges", ctypes.c_int32))


class _Report(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_char * KIND_BYTES),
        ("message", ctypes.c_char * MESSAGE_BYTES),
        *((f.name, ctypes.c_int64) for f in fields(Statistics)),
    )


class Library:
    """A kernel compiled together with the emulator."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.functions = load_library(path)

    def launch(
        self,
        function: str,
        arguments: ctypes.Structure,
        schedule: Schedule | None = None,
        access_budget: int = 0,
        judges: bool = True,
    ) -> Statistics:
        """Runs the entry point `function(arguments, options, report)`. Raises EmulationError for a mistake
        of the kernel.

        access_budget: accesses and scheduling steps after which the launch counts as a runaway (0: 2**32).
        judges: look for races, which costs about half of the speed.
        """
        schedule = schedule or Schedule()
        chosen = _ScheduleOptions(
            KINDS.index(schedule.kind), schedule.depth, schedule.seed, schedule.steps, schedule.resident
        )
        options, report = _RunOptions(chosen, access_budget, judges), _Report()
        entry = getattr(self.functions, function)
        entry.restype = None
        entry(ctypes.byref(arguments), ctypes.byref(options), ctypes.byref(report))
        if report.kind:
            message = self._with_places(report.message.decode(errors="replace"))
            raise EmulationError(report.kind.decode(), f"{message} [schedule {schedule}]")
        return Statistics(*(getattr(report, f.name) for f in fields(Statistics)))

    def _with_places(self, message: str) -> str:
        """Replaces {pc:0x...} by the function, file and line of that code address, innermost first."""
        return re.sub(r"\{pc:(0x[0-9a-f]+)\}", lambda match: self._place(int(match[1], 16)), message)

    def _place(self, address: int) -> str:
        tool = shutil.which("addr2line")
        if tool is None:
            return f"{self.path.name}+{address:#x}"
        # The address is that of the instruction behind the call.
        command = [tool, "-Cfips", "-e", str(self.path), hex(address - 1)]
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=SYMBOLIZER_TIMEOUT_SECONDS, check=False
        )
        places = re.findall(r"([\w.]+):(\d+)(?: \(discriminator \d+\))?$", result.stdout, re.MULTILINE)
        own = [f"{file}:{line}" for file, line in places if not file.startswith("dialect")]
        return " < ".join(own[:CALLERS]) or f"{self.path.name}+{address:#x}"
