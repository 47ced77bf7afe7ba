"""A clock that other programs on the machine do not hold up: the processor time of this process and of all
that it started."""

from __future__ import annotations

import os
import time

REAPED = slice(13, 15)  # among the words behind the name in /proc/PID/stat: ticks of children that have ended
SCHEDULED = 2  # the kind of a process's clock, as clock_getcpuclockid() has it
TICKS = os.sysconf("SC_CLK_TCK")
LONGEST = 1 << 16  # bytes of such a file


def monotonic() -> float:
    """Seconds of processors. Where processes take turns it is what a clock says on a machine with nothing
    else to do, less the time in which all of them sleep."""
    return _seconds_of(os.getpid())


def _seconds_of(process: int) -> float:
    """Without pathlib, whose paths took a tenth of what is measured."""
    folder = f"/proc/{process}"
    try:
        own = time.clock_gettime((~process << 3) | SCHEDULED)
        ended = _text(f"{folder}/stat").rpartition(b")")[2].split()[REAPED]
        threads = [entry.path for entry in os.scandir(f"{folder}/task")]
        children = [int(child) for thread in threads for child in _text(f"{thread}/children").split()]
    except OSError:  # it has ended meanwhile, and its parent has its time
        return 0.0
    return own + sum(map(int, ended)) / TICKS + sum(map(_seconds_of, children))


def _text(file: str) -> bytes:
    opened = os.open(file, os.O_RDONLY)
    try:
        return os.read(opened, LONGEST)
    finally:
        os.close(opened)
