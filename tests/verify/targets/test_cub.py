"""CUB as a peer and a second oracle: where its headers are found, and that they compile."""

from __future__ import annotations

import ctypes
import zipfile
from pathlib import Path

import pytest
from cub_here import needs_cub

from persistent_topk.cuda import build
from persistent_topk.cuda.cache import CACHE_VARIABLE
from persistent_topk.verify.targets.peers import cub_library as cub

PREFIX = "some/include/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    header = tmp_path / "unpacked" / PREFIX / cub.MARK
    header.parent.mkdir(parents=True)
    header.write_text("// a header\n")
    return tmp_path / "unpacked"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "some-1.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(PREFIX + cub.MARK, "// a header\n")
        archive.writestr("some/code.py", "")
    return path


@pytest.mark.parametrize("below", ["", "some", PREFIX])
def test_headers_are_found_at_or_under_a_folder(folder: Path, below: str) -> None:
    assert folder / PREFIX == cub.find_headers(folder / below)


def test_headers_of_a_wheel_are_unpacked_once(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    found = cub.find_headers(wheel)
    assert (found / cub.MARK).read_text() == "// a header\n"
    assert not list((tmp_path / "cache").rglob("code.py"))
    written = (found / cub.MARK).stat().st_mtime_ns
    assert found == cub.find_headers(wheel) and written == (found / cub.MARK).stat().st_mtime_ns


def test_the_environment_names_headers_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cub.HEADERS_VARIABLE, str(folder))
    assert folder / PREFIX == cub.find_headers()


def test_what_has_no_headers_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty, text = tmp_path / "empty.whl", tmp_path / "text.whl"
    zipfile.ZipFile(empty, "w").close()
    text.write_text("no wheel")
    for wrong in (empty, text, tmp_path, tmp_path / "nowhere"):
        with pytest.raises(cub.CubUnavailable, match=r"expected the headers of CCCL 3\.5 or newer") as told:
            cub.find_headers(wrong)
        assert str(wrong) in str(told.value)
    monkeypatch.delenv(cub.HEADERS_VARIABLE, raising=False)
    monkeypatch.setattr(cub, "installed", lambda: None)
    with pytest.raises(cub.CubUnavailable, match="neither cuda-cccl nor nvidia-cuda-cccl is installed"):
        cub.find_headers()


@needs_cub
def test_the_library_compiles_and_tells_what_it_takes() -> None:
    flags = [f"-I{cub.find_headers()}"]
    library = ctypes.CDLL(str(build.build([build.Unit(cub.SOURCE)], flags=flags)))
    with_clusters = library.persistent_topk_cub_version() >= 3_006_000
    assert library.persistent_topk_cub_version() >= 3_005_000
    assert with_clusters == bool(library.persistent_topk_cub_takes_ties(9))
    assert 0 == library.persistent_topk_cub_takes_ties(8)
    assert (1 << 21 if with_clusters else 8192) == library.persistent_topk_cub_most_columns(10)
    assert library.persistent_topk_cub_most_columns(8) in (4096, 8192)
