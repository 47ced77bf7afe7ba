"""A clock that other programs on the machine do not hold up: the processor time of this process and of all
that it started."""

from __future__ import annotations

import os
import time
from pathlib import Path

REAPED = slice(13, 15)  # among the words behind the name in /proc/PID/stat: ticks of children that have ended
SCHEDULED = 2  # the kind of a process's clock, as clock_getcpuclockid() has it


def monotonic() -> float:
    """Seconds of processors. Where processes take turns it is what a clock says on a machine with nothing
    else to do, less the time in which all of them sleep."""
    return _seconds_of(os.getpid())


def _seconds_of(process: int) -> float:
    folder = Path(f"/proc/{process}")
    try:
        own = time.clock_gettime((~process << 3) | SCHEDULED)
        ended = (folder / "stat").read_text().rpartition(")")[2].split()[REAPED]
        threads = (folder / "task").iterdir()
        children = [int(child) for task in threads for child in (task / "children").read_text().split()]
    except OSError:  # it has ended meanwhile, and its parent has its time
        return 0.0
    return own + sum(map(int, ended)) / os.sysconf("SC_CLK_TCK") + sum(map(_seconds_of, children))
