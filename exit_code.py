"""The exit codes of every command: what a script may conclude from one."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command."""

    AGREE = 0
    MISMATCH = 1
    USAGE = 2
    CANNOT_RUN = 3
    NOTHING_VERIFIED = 4
    FAULT = 70  # sysexits' EX_SOFTWARE
    INTERRUPTED = 130
