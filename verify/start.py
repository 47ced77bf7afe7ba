"""A process with a connection to it, started before anything heavy is imported on either side."""

from __future__ import annotations

import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import NamedTuple

# The working folder, which Python puts first, comes last: a file in it may be called like one of the library.
BOOT = (
    "import sys; sys.path.sort(key=''.__eq__); import importlib; importlib.import_module(sys.argv[1]).main()"
)


class Started(NamedTuple):
    """control: this side of the connection. popen: the process, whose output is to be read."""

    control: Connection
    popen: subprocess.Popen[bytes]


def start(module: str, *words: str) -> Started:
    """Runs the module's main() with sys.argv of the module, the connection's file descriptor and the words.
    It ends by itself when the connection does."""
    ours, theirs = Pipe()
    popen = subprocess.Popen(
        [sys.executable, "-c", BOOT, module, str(theirs.fileno()), *words],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # an interrupt is for the checker, which ends the process itself
    )
    theirs.close()
    return Started(ours, popen)
