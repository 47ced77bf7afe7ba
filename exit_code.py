"""The exit codes of every command: what a script may conclude from one."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command, a maintainer's too."""

    AGREE = 0  # or: nothing is wrong
    MISMATCH = 1  # or: something is wrong with what was looked at
    USAGE = 2
    CANNOT_RUN = 3  # here: a GPU, a compiler or a package is missing
    INCOMPLETE = 4
    FAULT = 70  # sysexits' EX_SOFTWARE
    INTERRUPTED = 130
