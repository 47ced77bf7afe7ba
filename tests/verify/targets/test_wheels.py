"""Wheels unpacked into the cache: once, all of it or nothing, whoever else does the same."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from persistent_topk.cuda.cache import CACHE_VARIABLE, BuildError
from persistent_topk.verify.targets.peers import wheels

MARK = "bin/tool"
MEMBERS = {"pkg/bin/tool": b"program", "pkg/lib/data": b"data", "other/code.py": b""}


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    path = tmp_path / "pkg-1.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
    return path


def left(cache: Path) -> list[str]:
    """What is in the cache; locks stay there, for those who wait for them."""
    return [path.name for path in cache.iterdir() if path.suffix != ".lock"]


def test_what_lies_under_the_mark_is_unpacked_once(wheel: Path, tmp_path: Path) -> None:
    found = wheels.unpacked(wheel, MARK)
    names = {str(path.relative_to(found)) for path in found.rglob("*") if path.is_file()}
    assert {"bin/tool", "lib/data"} == names
    (found / "lib" / "data").write_bytes(b"kept")
    assert found == wheels.unpacked(wheel, MARK) and b"kept" == (found / "lib" / "data").read_bytes()
    assert [found.parent.name] == left(tmp_path / "cache"), "something was left behind"


def test_a_wheel_is_nowhere_to_be_seen_before_it_is_whole(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = zipfile.ZipFile.extract

    def killed(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> str:
        if member.filename.endswith("lib/data"):
            raise KeyboardInterrupt
        return extract(archive, member, path)

    monkeypatch.setattr(zipfile.ZipFile, "extract", killed)
    with pytest.raises(KeyboardInterrupt):
        wheels.unpacked(wheel, MARK)
    assert [] == left(tmp_path / "cache")


def test_another_process_may_be_first(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system without locks."""
    unpack = wheels.unpack

    def second(archive: zipfile.ZipFile, prefix: str, folder: Path) -> None:
        unpack(archive, prefix, tmp_path / "cache" / folder.name)
        unpack(archive, prefix, folder)

    monkeypatch.setattr(wheels, "unpack", second)
    found = wheels.unpacked(wheel, MARK)
    assert b"program" == (found / MARK).read_bytes()
    assert [found.parent.name] == left(tmp_path / "cache"), "something was left behind"


def test_a_cache_that_takes_no_files_is_said(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, "/proc/nope")
    with pytest.raises(BuildError, match="/proc/nope takes no files"):
        wheels.unpacked(wheel, MARK)
