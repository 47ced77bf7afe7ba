"""The cache of files that are built on first use. Names come from contents; one process builds for all."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from filelock import FileLock

from ..long_work import long_work
from ..whole_file import produce_whole

CACHE_VARIABLE = "PERSISTENT_TOPK_CACHE"
HASH_LENGTH = 16
# Whoever holds a lock for longer than any compiler may run has been killed, and its file system keeps locks
# of the dead.
LOCK_SECONDS = 1200.0


class BuildError(RuntimeError):
    """The kernel, or its emulator, could not be compiled here; the message says what is missing or what the
    compiler said."""


def cache_dir() -> Path:
    """The folder of PERSISTENT_TOPK_CACHE, else persistent_topk in the user's cache folder.

    Raises BuildError for a user without a home.
    """
    chosen, usual = os.environ.get(CACHE_VARIABLE), os.environ.get("XDG_CACHE_HOME")
    if chosen:
        return Path(chosen)
    try:
        return Path(usual or Path.home() / ".cache") / "persistent_topk"
    except RuntimeError as error:  # no HOME, and no entry of this user's
        raise BuildError(
            f"this user has no home ({error}); compiled code is kept there: "
            f"set {CACHE_VARIABLE} to a folder that can be written"
        ) from error


def digest(paths: Iterable[Path], *words: str, content: Callable[[Path], bytes] = Path.read_bytes) -> str:
    """A short hash of the files' names and contents and of the words."""
    sha = hashlib.sha256()
    for path in paths:
        sha.update(path.name.encode() + b"\0" + content(path) + b"\0")
    for word in words:
        sha.update(word.encode() + b"\0")
    return sha.hexdigest()[:HASH_LENGTH]


def writable(folder: Path) -> Path:
    """Makes the folder if it is missing, and returns it. Raises BuildError if files cannot be written to
    it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise BuildError(
            f"{folder} takes no files ({error.strerror}); compiled code is kept there: "
            f"set {CACHE_VARIABLE} to a folder that can be written"
        ) from error
    return folder


def load_library(path: Path) -> ctypes.CDLL:
    """The library at `path`. BuildError where it cannot be loaded: a copy or a full disk may have cut it
    short, or its file system runs no code."""
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        advice = "delete it, and the next call builds it again"
        if _runs_no_code(path):
            advice = f"its file system is mounted noexec: set {CACHE_VARIABLE} to a folder on another"
        raise BuildError(f"the library {path} cannot be loaded: {error}; {advice}") from error


def _runs_no_code(path: Path) -> bool:
    """Whether the file system is mounted noexec. False on systems other than Linux, which do not show it."""
    return hasattr(os, "ST_NOEXEC") and path.exists() and bool(os.statvfs(path).f_flag & os.ST_NOEXEC)


def build(target: Path, produce: Callable[[Path], None]) -> None:
    """Has `produce` write the file or folder to another path, then renames that to `target`: readers see
    all of it or nothing. Raises BuildError for a folder that takes no files, and what `produce` raises."""
    writable(target.parent)
    produce_whole(target, produce)


def build_once(target: Path, produce: Callable[[Path], None], compiled: str = "") -> Path:
    """Returns `target`, which is made by build() if it is missing: one process makes it, and others wait.
    compiled: what it is, in words, if a compiler needs seconds for it.

    Where files cannot be locked, each process makes it, with the same result. Raises what build() raises.
    """
    if not target.exists():
        writable(target.parent)  # the lock lies there
        what = compiled or target.name
        with _locked(target, what):
            if not target.exists():  # unless another process made it meanwhile
                work = f"compiling {compiled}" if compiled else f"making {target.name}"
                with long_work(work, target.parent, at_once=bool(compiled)):
                    build(target, produce)
    return target


@contextlib.contextmanager
def _locked(target: Path, what: str) -> Iterator[None]:
    """Holds the lock of `target`. Its file stays beside the target, since other processes may wait for it."""
    with contextlib.ExitStack() as stack:
        try:
            with long_work(f"waiting for {what}, which another process makes"):
                stack.enter_context(FileLock(f"{target}.lock", timeout=LOCK_SECONDS))
        except (OSError, NotImplementedError) as error:
            # No locks, or another user's, or one that nobody lets go of: twice the work, the same result.
            warnings.warn(
                f"{target}.lock cannot be held ({error}); processes that want the same each build it: "
                f"set {CACHE_VARIABLE} to a folder of this user's on a file system with locks",
                stacklevel=2,
            )
        yield
