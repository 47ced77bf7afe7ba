"""Where in the user's own file an exception came from."""

from __future__ import annotations

import linecache
import re
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path

from ..printable import printable

CHECKER = Path(__file__).parents[1]
# What the user has installed rather than written.
INSTALLED = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
# As faulthandler writes it, the latest call first.
FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)
MODULES = "\nExtension modules: "
MOST_CHARACTERS = 4000  # of a traceback that is kept
LONGEST_LINE = 100  # of source that is told


def is_users(file: str) -> bool:
    """Whether a file is neither the checker's nor installed."""
    path = Path(file)
    return path.is_file() and not any(path.is_relative_to(place) for place in (CHECKER, *INSTALLED))


def where(error: BaseException, function: Callable[..., object]) -> str:
    """The last frame of an exception in the user's own files, as "at my_kernel.py:12, in topk: `line`"; ""
    where it is raised in none."""
    own = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = traceback.extract_tb(error.__traceback__)
    found = [frame for frame in frames if frame.filename == own or is_users(frame.filename)]
    if not found:
        return ""
    last = found[-1]
    line = printable(last.line or "")[:LONGEST_LINE]
    repeats = line.startswith("raise ")  # the message, which is told anyway
    return f"at {Path(last.filename).name}:{last.lineno}, in {last.name}" + ("" if repeats else f": {line}")


def whole(error: BaseException) -> str:
    """The traceback from the user's call on, less the checker's own frames."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not Path(frame.filename).is_relative_to(CHECKER)
    ]
    lines = [*traceback.format_list(frames), *traceback.format_exception_only(type(error), error)]
    return printable("Traceback (most recent call last):\n" + "".join(lines))[-MOST_CHARACTERS:]


def less_noise(printed: str) -> str:
    """What a process printed before it was gone, without what the interpreter adds about the checker's own
    files and the modules that it had loaded."""
    told = printed.partition(MODULES)[0]
    frames = [match for match in FRAME.finditer(told) if not is_users(match[1])]
    for match in reversed(frames):
        told = told[: match.start()] + told[match.end() + 1 :]
    return told.strip()


def last_words(printed: str) -> str:
    """Of what a process printed before it was gone: where it was in the user's file, if the interpreter told
    that, and else the last line."""
    frames = [match.groups() for match in FRAME.finditer(printed)]
    users = next(((file, line, name) for file, line, name in frames if is_users(file)), None)
    if users is not None:
        file, line, name = users
        return f"at {Path(file).name}:{line}, in {name}: {linecache.getline(file, int(line)).strip()}"
    lines = less_noise(printed).splitlines()
    return lines[-1] if lines else ""
