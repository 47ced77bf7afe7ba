"""Failure files: what is saved is what is run again, and damaged files are told apart."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from places import DATA

from persistent_topk.reference.plan import SMALL_DEVICE
from persistent_topk.verify.cases.case import Origin, lay_out
from persistent_topk.verify.failures.replay import (
    MANIFEST,
    PLAIN_VERSION,
    VERSION,
    DamagedFile,
    Failure,
    file_name,
    load,
    save,
)

SCHEDULES = ("random:seed=3", "pct:seed=4,depth=2")


@pytest.fixture
def failure() -> Failure:
    row = np.array([0x7F800001, 0x80000000, 0x3F800000, 1], np.uint32)
    case = lay_out(
        [row, row[:2]],
        3,
        offset=1,
        gap=2,
        policy="tiny",
        limits=SMALL_DEVICE,
        origin=Origin("contents", {"content": "any-bits", "share": 0.5, "policy": None}, 12),
    )
    return Failure("emulator", "exact-set", "row 0: ...", case, SCHEDULES, ("exact-set", "padding"))


@pytest.fixture
def saved(failure: Failure, tmp_path: Path) -> Path:
    return save(failure, tmp_path / "sub" / file_name(failure))


def test_a_saved_failure_is_read_back_bit_for_bit(failure: Failure, saved: Path) -> None:
    again = load(saved)
    assert again.case.digest() == failure.case.digest()
    for name in ("offset", "row_stride", "columns", "k", "policy", "limits", "origin"):
        assert getattr(again.case, name) == getattr(failure.case, name)
    for name in ("target", "promise", "message", "schedules", "claims"):
        assert getattr(again, name) == getattr(failure, name)


def test_nothing_but_the_file_is_left(saved: Path) -> None:
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def rewritten(path: Path, change: Callable[[dict], None]) -> Path:  # type: ignore[type-arg]
    """A copy of a failure file with its manifest changed."""
    with zipfile.ZipFile(path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    manifest = json.loads(entries[MANIFEST])
    change(manifest)
    entries[MANIFEST] = json.dumps(manifest).encode()
    other = path.with_name("other.zip")
    with zipfile.ZipFile(other, "w") as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return other


CHANGES: dict[str, tuple[Callable[[dict], object], str]] = {  # type: ignore[type-arg]
    "format": (lambda m: m.update(format="other"), "format"),
    "version": (lambda m: m.update(version=VERSION + 1), f"expected {PLAIN_VERSION} or {VERSION}"),
    "hash": (lambda m: m["arrays"]["storage"].update(sha256="0" * 64), "hash"),
    "elements": (lambda m: m["arrays"]["lengths"].update(elements=9), "expected 36"),
    "dtype": (lambda m: m["arrays"]["lengths"].update(dtype="<i8"), "lengths.bin"),
    "no array": (lambda m: m["arrays"].pop("storage"), "storage.bin"),
    "arrays is a list": (lambda m: m.update(arrays=[]), "holds no"),
    "policy": (lambda m: m["case"].update(policy="huge"), "policy 'huge'"),
    "k": (lambda m: m["case"].update(k=0), "k out of range"),
    "stride": (lambda m: m["case"].update(row_stride=10**9), "outside"),
    "negative offset": (lambda m: m["case"].update(offset=-1), "offset out of range"),
    "text": (lambda m: m["case"].update(columns="4"), "columns out of range"),
    "a truth": (lambda m: m["case"].update(k=True), "k out of range"),
    "claims": (lambda m: m.update(claims="set"), "claims is 'set'; expected a list"),
    "a claim": (lambda m: m.update(claims=["speed"]), "claim 'speed' is not known"),
    "claims of dicts": (lambda m: m.update(claims=[{"a": 1}]), "expected a list of strings"),
    "parameters": (lambda m: m["case"]["origin"].update(parameters=None), "parameters are None"),
    "columns": (lambda m: m["case"].update(columns=10**12), "rows overlap"),
    "no number of SMs": (lambda m: m["case"]["limits"].update(sms="x"), "expected whole numbers"),
    "schedule": (lambda m: m.update(target="emulator", schedules=["pct:seed=x"]), "schedule 'pct:seed=x'"),
    "property": (lambda m: m.update(property="speed"), "property 'speed'"),
    "no case": (lambda m: m.pop("case"), "does not describe a case"),
    "limits": (lambda m: m["case"].update(limits={"sms": 1}), "does not describe a case"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_manifest_that_does_not_fit_is_rejected(name: str, saved: Path) -> None:
    change, words = CHANGES[name]
    with pytest.raises(DamagedFile, match=words):
        load(rewritten(saved, lambda manifest: change(manifest)))  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_rejected(share: float, saved: Path) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DamagedFile, match="expected a zip"):
        load(saved)


def test_flipped_bytes_are_rejected_or_make_no_difference(saved: Path, failure: Failure) -> None:
    content = saved.read_bytes()
    for place in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[place] ^= 0xFF
        saved.write_bytes(flipped)
        try:
            again = load(saved)
        except DamagedFile:
            continue
        assert again.case.digest() == failure.case.digest()


def test_other_zips_are_rejected(tmp_path: Path) -> None:
    path = shutil.make_archive(str(tmp_path / "other"), "zip", root_dir=DATA, base_dir="replay")
    with pytest.raises(DamagedFile, match=MANIFEST):
        load(Path(path))
