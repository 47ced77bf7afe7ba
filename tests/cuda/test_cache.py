"""The cache of what is built: made once, by one process for all; locks that fail cost time alone."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from clocks import HANG_SECONDS
from filelock import FileLock

from persistent_topk.cuda import cache
from persistent_topk.cuda.cache import BuildError, build, build_once

# Makes the file that it is told to, and says so; or is killed while it does.
BUILDER = """
import os, signal, sys, time
from pathlib import Path
from persistent_topk.cuda.cache import build_once

def produce(part):
    print("making", flush=True)
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
    part.write_text("made")

build_once(Path(sys.argv[1]), produce)
"""


def builder(target: Path, how: str = "whole") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILDER, str(target), how]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_processes_that_want_the_same_make_it_once(tmp_path: Path) -> None:
    target = tmp_path / "target"
    first = builder(target)
    assert first.stdout is not None and "making\n" == first.stdout.readline()
    second = builder(target)
    assert not target.exists(), "it was to be seen before it was whole"
    told = [process.communicate(timeout=HANG_SECONDS)[0] for process in (first, second)]
    assert ["", ""] == told and "made" == target.read_text()
    assert ["target", "target.lock"] == left(tmp_path)


def test_a_killed_process_keeps_nobody_waiting(tmp_path: Path) -> None:
    builder(tmp_path / "target", "killed").communicate(timeout=HANG_SECONDS)
    assert not (tmp_path / "target").exists()
    build_once(tmp_path / "target", Path.touch)
    assert (tmp_path / "target").is_file()


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "no locks"), NotImplementedError("no flock")])
def test_without_locks_the_result_is_the_same(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(lock: FileLock) -> None:
        raise error

    monkeypatch.setattr(FileLock, "__enter__", refused)
    with pytest.warns(UserWarning, match=r"cannot be held .*no (locks|flock).*PERSISTENT_TOPK_CACHE"):
        made = build_once(tmp_path / "target", lambda part: part.write_text("made"))  # type: ignore[arg-type,return-value]
    assert "made" == made.read_text()
    assert ["target"] == left(tmp_path)


def test_a_home_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in (cache.CACHE_VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cache.Path, "home", homeless)
    with pytest.raises(BuildError, match="this user has no home .*set PERSISTENT_TOPK_CACHE"):
        cache.cache_dir()
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert Path("/elsewhere/persistent_topk") == cache.cache_dir()


def test_a_library_that_cannot_be_loaded_is_said_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "a.so"
    library.write_bytes(b"cut short")
    with pytest.raises(BuildError, match="a.so cannot be loaded: .*; delete it"):
        cache.load_library(library)

    class Mount:
        f_flag = os.ST_NOEXEC

    monkeypatch.setattr(cache.os, "statvfs", lambda path: Mount)
    with pytest.raises(BuildError, match="mounted noexec: set PERSISTENT_TOPK_CACHE to a folder on another"):
        cache.load_library(library)


def test_a_lock_that_nobody_lets_go_of_costs_a_wait_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LOCK_SECONDS", 0.01)
    with FileLock(tmp_path / "target.lock"), pytest.warns(UserWarning, match="could not be acquired"):
        assert build_once(tmp_path / "target", Path.touch).is_file()


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    assert "old" == build_once(tmp_path / "target", Path.touch).read_text()
    build(tmp_path / "target", Path.touch)
    assert "" == (tmp_path / "target").read_text()


def test_what_fails_leaves_nothing_but_its_lock(tmp_path: Path) -> None:
    def fails(part: Path) -> None:
        part.write_text("half")
        raise BuildError("no compiler")

    with pytest.raises(BuildError, match="no compiler"):
        build_once(tmp_path / "target", fails)
    assert ["target.lock"] == left(tmp_path)


def test_a_folder_that_takes_no_files_is_said() -> None:
    with pytest.raises(BuildError, match="/proc/nope takes no files .*set PERSISTENT_TOPK_CACHE"):
        build_once(Path("/proc/nope/target"), Path.touch)
