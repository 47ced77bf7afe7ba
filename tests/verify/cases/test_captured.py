"""Captured logits: three formats, lengths in the file or full rows, errors that say what was found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from persistent_topk.verify.cases.captured import UnreadableLogits, captured_cases, read_logits

LOGITS = torch.arange(12, dtype=torch.float32).reshape(3, 4)
LENGTHS = torch.tensor([4, 0, 2])


class Runs:
    """What a hostile pickle would run."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return exec, ("raise SystemExit('ran')",)


def test_npy_has_full_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", LOGITS.numpy())
    logits, lengths = read_logits(tmp_path / "a.npy")
    assert torch.equal(logits, LOGITS)
    assert lengths.tolist() == [4, 4, 4]


def test_npy_of_bfloat16_is_read_by_its_bits(tmp_path: Path) -> None:
    narrow = torch.tensor([[1.5, -2.0, 3e38], [0.0, -0.0, float("nan")]]).bfloat16()
    np.save(tmp_path / "a.npy", narrow.view(torch.int16).numpy().view("V2"))  # as ml_dtypes' arrays are saved
    logits, _ = read_logits(tmp_path / "a.npy")
    assert torch.equal(logits.view(torch.int32), narrow.float().view(torch.int32))


def test_safetensors_has_lengths(tmp_path: Path) -> None:
    save_file({"logits": LOGITS, "lengths": LENGTHS}, tmp_path / "a.safetensors")
    logits, lengths = read_logits(tmp_path / "a.safetensors")
    assert torch.equal(logits, LOGITS)
    assert lengths.dtype == torch.int32 and lengths.tolist() == LENGTHS.tolist()


@pytest.mark.parametrize("content", [LOGITS, {"logits": LOGITS}, {"logits": LOGITS, "lengths": LENGTHS}])
def test_pt_is_a_tensor_or_a_dict(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pt")
    assert torch.equal(read_logits(tmp_path / "a.pt")[0], LOGITS)


def test_a_negated_view_is_read_by_value(tmp_path: Path) -> None:
    torch.save(torch._neg_view(LOGITS), tmp_path / "a.pt")
    assert torch.equal(read_logits(tmp_path / "a.pt")[0], -LOGITS)


def test_lengths_over_32_bits_mean_whole_rows_and_negative_ones_none(tmp_path: Path) -> None:
    lengths = torch.tensor([2**40, -(2**40), 3])
    save_file({"logits": LOGITS, "lengths": lengths}, tmp_path / "a.safetensors")
    assert read_logits(tmp_path / "a.safetensors")[1].clamp(min=0).tolist() == [4, 0, 3]


def test_narrower_floats_convert(tmp_path: Path) -> None:
    save_file({"logits": LOGITS.bfloat16()}, tmp_path / "a.safetensors")
    assert torch.equal(read_logits(tmp_path / "a.safetensors")[0], LOGITS)


def test_cases_hold_the_rows_for_every_k(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((9, 5), np.float32))
    cases = captured_cases(tmp_path / "a.npy", (2, 3))
    assert [(case.rows, case.k) for case in cases] == [(4, 2), (4, 2), (1, 2), (4, 3), (4, 3), (1, 3)]
    assert cases[1].origin.parameters == {"file": "a.npy", "first_row": 4, "k": 2}


def write(folder: Path, kind: str) -> Path:
    """A file that is no captured logits, of the kind."""
    path = folder / "a.pt"
    contents: dict[str, object] = {
        "names": {"scores": LOGITS},
        "dimensions": LOGITS[0],
        "empty": LOGITS[:0],
        "integers": LOGITS.int(),
        "few lengths": {"logits": LOGITS, "lengths": LENGTHS[:2]},
        "float lengths": {"logits": LOGITS, "lengths": LENGTHS.float()},
        "a list": [LOGITS],
        "a list of lengths": {"logits": LOGITS, "lengths": [4, 0, 2]},
        "sparse": LOGITS.to_sparse(),
        "meta": LOGITS.to("meta"),
        "code": Runs(),
        "a scalar of numpy": {"logits": LOGITS, "k": np.float64(3)},
    }
    if kind in contents:
        torch.save(contents[kind], path)
    elif kind == "text":
        path = folder / "a.npy"
        path.write_text("1 2 3")
    elif kind == "objects":
        path = folder / "a.npy"
        np.save(path, np.array([Runs()], object), allow_pickle=True)
    elif kind == "truncated":
        path = folder / "a.safetensors"
        save_file({"logits": LOGITS}, path)
        path.write_bytes(path.read_bytes()[:-9])
    elif kind == "not pickled":
        path.write_bytes(b"version 1\n")
    elif kind == "pointer":
        path = folder / "a.npy"
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n")
    elif kind == "bytes":
        path = folder / "a.npy"
        np.save(path, np.zeros((2, 3), "V1"))
    elif kind == "suffix":
        path = folder / "a.csv"
        path.write_text("1,2")
    return path


DAMAGE = {
    "names": r"holds \['scores'\]; expected logits",
    "dimensions": r"shape \[4\]; expected logits \[rows, columns\]",
    "empty": r"shape \[0, 4\]",
    "integers": "logits are torch.int32; expected",
    "few lengths": r"lengths are torch.int64 \[2\]; expected int32 or int64 \[3\]",
    "float lengths": "lengths are torch.float32",
    "a list": "holds list; expected a tensor",
    "a list of lengths": "lengths is of type list; expected",
    "sparse": "logits is a tensor that is torch.sparse_coo",
    "meta": "on meta; expected a dense one with values",
    "code": r"holds (builtins.)?exec beside tensors: save tensors alone, torch.save\(",
    "a scalar of numpy": r"holds numpy\._?core\.multiarray\.scalar beside tensors: save tensors alone",
    "not pickled": "a.pt is no file of torch.save; expected logits",
    "pointer": "is a pointer of Git LFS, not the file; run git lfs pull$",
    "bytes": r"holds \|V1, which numpy has no name for; expected",
    "text": "cannot be read as .npy",
    "objects": "cannot be read as .npy",
    "truncated": "cannot be read as .safetensors",
    "suffix": "ends in '.csv'; expected one of .npy, .safetensors, .pt",
    "nothing": "is not a file",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_other_files_are_told_apart(kind: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableLogits, match=DAMAGE[kind]):
        read_logits(write(tmp_path, kind))
