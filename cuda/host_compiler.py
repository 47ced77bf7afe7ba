"""The C++ compiler that builds use: CXX, as build systems read it."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from .cache import BuildError

VARIABLE = "CXX"
DEFAULT = "g++"
LAUNCHERS = ("ccache", "sccache", "distcc", "icecc")  # words before the compiler


def command() -> tuple[str, ...]:
    """The words of a call, the first as a path: those of CXX ("ccache g++", "g++-12 -m64"), else g++.

    Raises BuildError where it is not on the PATH.
    """
    words = shlex.split(os.environ.get(VARIABLE) or DEFAULT)
    found = shutil.which(words[0]) if words else None
    if found is None:
        raise BuildError(
            f"no C++ compiler {' '.join(words)!r} on the PATH: the emulator is compiled on first use. "
            f"Install g++ 11 or newer (Debian, Ubuntu: apt-get install g++), or set {VARIABLE} to one."
        )
    return found, *words[1:]


def flags_for_nvcc() -> list[str]:
    """What makes nvcc take the compiler of CXX, without a launcher, which it does not run; nothing where CXX
    is unset, and nvcc finds its own. Raises BuildError where CXX is not on the PATH."""
    if not os.environ.get(VARIABLE):
        return []
    words = [word for word in command() if Path(word).name not in LAUNCHERS]
    if not words:
        raise BuildError(f"{VARIABLE} is {os.environ[VARIABLE]!r}; expected a C++ compiler, or one behind it")
    passed = [part for flag in words[1:] for part in ("-Xcompiler", flag)]
    return ["-ccbin", words[0], *passed]
