"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from persistent_topk.whole_file import produce_whole, write_json, write_whole


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_file_is_replaced_and_its_folder_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    for content in ("old", "über"):
        write_whole(path, content)
    assert "über".encode() == path.read_bytes()
    assert ["file.txt"] == names(path.parent)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, "old")

    def full(handle: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_whole(path, "new")
    assert "old" == path.read_text()


def test_a_file_has_the_rights_that_any_new_one_has(tmp_path: Path) -> None:
    write_whole(tmp_path / "whole", "")
    (tmp_path / "plain").touch()
    assert (tmp_path / "plain").stat().st_mode == (tmp_path / "whole").stat().st_mode


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(path, "content")
    assert b"content" == os.read(reader, 100) and path.is_fifo()
    os.close(reader)


def test_a_link_is_followed_and_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(tmp_path / "link", "content")
    assert "content" == (tmp_path / "file").read_text() and (tmp_path / "link").is_symlink()


def test_a_document_is_json_that_ends_its_line(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"k": [1]})
    text = (tmp_path / "a.json").read_text()
    assert {"k": [1]} == json.loads(text) and text.endswith("}\n")


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir], ids=["file", "folder"])
def test_what_another_program_makes_is_not_seen_before_it_is_whole(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "made.so"

    def produce(part: Path) -> None:
        make(part)
        assert part.name == path.name and not path.exists()

    produce_whole(path, produce)
    assert ["made.so"] == names(tmp_path)


def test_what_is_half_made_is_removed(tmp_path: Path) -> None:
    def produce(part: Path) -> None:
        part.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        produce_whole(tmp_path / "made", produce)
    assert [] == names(tmp_path)
