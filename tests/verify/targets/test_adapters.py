"""Adapters of other people's kernels, with stand-ins of the packages' signatures."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from pathlib import Path

import pytest
import torch
import wrong_topk

from persistent_topk.verify.cases.case import Case, lay_out
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.targets import ADAPTERS, Target, TargetUnavailable
from persistent_topk.verify.targets.peers import cub_library as cub
from persistent_topk.verify.targets.peers import flashinfer
from persistent_topk.verify.targets.peers.cub import MOST_COLUMNS_BEFORE, CubTarget, version_of
from persistent_topk.verify.targets.peers.deepselect import CLAIMED, MOST_COLUMNS, DeepSelectTarget
from persistent_topk.verify.targets.peers.flashinfer import FlashinferTarget, FlashinferVarlenTarget
from persistent_topk.verify.targets.peers.peer import SELECTS
from persistent_topk.verify.targets.peers.sglang import SglangTarget, SglangV2Target, SglKernelTarget
from persistent_topk.verify.targets.peers.vllm import VllmTarget
from persistent_topk.verify.targets.target import POISONS

PEERS = [name for name in ADAPTERS if name != "torch.topk"]


def case_of(k: int, rows: int = 2, columns: int = 3000) -> Case:
    values = torch.randn(rows, columns, generator=torch.Generator().manual_seed(1)).numpy()
    return lay_out([bits_of(row) for row in values], k)


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **members: object) -> None:
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__dict__.update(members)
    monkeypatch.setitem(sys.modules, name, module)


def answers_right(target: Target, k: int) -> bool:
    target.prepare()
    case = case_of(k)
    found = target.call(case, POISONS[0], "").indices
    right = wrong_topk.correct(case.logits, case.lengths, k)
    return bool(torch.equal(torch.from_numpy(found).sort().values, right.long().sort().values))


@pytest.mark.parametrize("name", PEERS)
def test_a_missing_package_is_told(name: str) -> None:
    target = ADAPTERS[name]()
    if target.missing() is None:  # type: ignore[attr-defined]
        pytest.skip("the package is here")
    with pytest.raises(TargetUnavailable, match=rf"{name} needs the package"):
        target.prepare()


def test_sgl_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def fast_topk_v2(score, lengths, topk, row_starts=None):  # type: ignore[no-untyped-def]
        return wrong_topk.correct_set(score, lengths, topk).int()

    stand_in(monkeypatch, "sgl_kernel", fast_topk_v2=fast_topk_v2)
    target = SglKernelTarget(device="cpu")
    assert answers_right(target, 2048)
    assert target.refuses(case_of(512)) == "k is one of 2048"


def test_sglang(monkeypatch: pytest.MonkeyPatch) -> None:
    def fast_topk(score, lengths, topk, row_starts=None):  # type: ignore[no-untyped-def]
        assert topk in (512, 2048)
        return wrong_topk.correct_set(score, lengths, topk).int()

    def plan_topk_v2(seq_lens, static_threshold=-1, *, out=None):  # type: ignore[no-untyped-def]
        return seq_lens.new_zeros(len(seq_lens) + 1, 2)

    def topk_transform_paged_v2(  # type: ignore[no-untyped-def]
        scores, seq_lens, page_tables, out_page_indices, page_size, metadata, out_raw_indices=None
    ):
        assert page_tables is None and scores.stride(0) % 4 == 0 and page_size.bit_count() == 1
        assert metadata.shape == (len(scores) + 1, 2)
        out_page_indices.copy_(wrong_topk.correct_set(scores, seq_lens, out_page_indices.shape[1]))

    stand_in(monkeypatch, "sglang")
    stand_in(monkeypatch, "sglang.kernels.ops.attention.fast_topk", fast_topk=fast_topk)
    stand_in(
        monkeypatch,
        "sglang.kernels.ops.attention.dsv4.topk",
        plan_topk_v2=plan_topk_v2,
        topk_transform_paged_v2=topk_transform_paged_v2,
    )
    for parent in ("", ".ops", ".ops.attention", ".ops.attention.dsv4"):
        stand_in(monkeypatch, f"sglang.kernels{parent}")
    assert answers_right(SglangTarget(device="cpu"), 512)
    assert SglangTarget(device="cpu").refuses(case_of(1024)) == "k is one of 512, 2048"
    second = SglangV2Target(device="cpu")
    assert answers_right(second, 100)
    assert second.refuses(case_of(2049)) == "k is at most 2048"
    assert second.refuses(case_of(100, columns=3001)) == "row strides are multiples of 4"


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("deterministic", [False, True])
def test_flashinfer(deterministic: bool, ties: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[bool, int]] = []

    def top_k_ragged_transform(  # type: ignore[no-untyped-def]
        input, offsets, lengths, k, deterministic=False, tie_break=0, dsa_graph_safe=False, row_starts=None
    ):
        assert input.is_contiguous() and offsets.dtype == torch.int32 and not offsets.any()
        asked.append((deterministic, tie_break))
        return (wrong_topk.correct if tie_break else wrong_topk.correct_set)(input, lengths, k).flip(1)

    stand_in(monkeypatch, "flashinfer", top_k_ragged_transform=top_k_ragged_transform)
    name = "flashinfer.top_k_ragged" + ("_deterministic" if deterministic else "") + ("_ties" if ties else "")
    assert ADAPTERS[name]().name == name
    target = FlashinferTarget(deterministic, ties, device="cpu")
    assert target.name == name and answers_right(target, 100)
    assert set(asked) == {(deterministic, int(ties))}
    assert ("lowest-column-ties" in target.claims) is ties
    assert ("repeatable-bytes" in target.claims) is deterministic
    assert ("repeatable-set" in target.claims) is (deterministic or ties)
    assert target.refuses(case_of(2049)) == ("k is at most 2048" if ties else None)
    apart = lay_out([bits_of(1.0)] * 2, 1, gap=1)
    assert target.refuses(apart) == "rows lie end to end"
    assert target.refuses(lay_out([bits_of(1.0)], 1, gap=1, offset=3)) is None


@pytest.mark.parametrize(("version", "promised"), [("0.6.18.post1", False), ("0.7.2.post1", True)])
def test_flashinfer_of_any_lengths(version: str, promised: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def top_k_varlen(
        logits: torch.Tensor, seq_lens: torch.Tensor, top_k: int, *, backend: str
    ) -> tuple[torch.Tensor, None]:
        return wrong_topk.correct_set(logits, seq_lens, top_k), None

    stand_in(monkeypatch, "flashinfer", top_k_varlen=top_k_varlen)
    monkeypatch.setattr(flashinfer, "installed_version", lambda names: version)
    target = FlashinferVarlenTarget(device="cpu")
    assert answers_right(target, 100)
    assert ("short-lengths" in target.claims) is promised


@pytest.mark.parametrize("operator", ["persistent_topk", "cooperative_topk"])
def test_vllm(operator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def kernel(logits, lengths, output, workspace, k, max_seq_len):  # type: ignore[no-untyped-def]
        output.copy_(wrong_topk.correct_set(logits, lengths[:, 0], k))

    stand_in(monkeypatch, "vllm")
    stand_in(monkeypatch, "vllm._custom_ops")
    monkeypatch.setattr(torch.ops, "_C", types.SimpleNamespace(**{operator: kernel}))
    target = VllmTarget(operator, device="cpu")
    assert answers_right(target, 512)
    assert target.refuses(case_of(100)) == "k is one of 512, 1024, 2048"
    few = operator == "cooperative_topk"
    assert target.refuses(case_of(512, columns=3001)) == ("row strides are multiples of 4" if few else None)
    assert target.refuses(case_of(512, rows=64)) is None
    assert target.refuses(case_of(512, rows=65)) == ("at most 64 rows" if few else None)


def test_what_is_documented_nowhere_is_claimed_by_nobody() -> None:
    for name in PEERS:
        if not name.startswith("cub."):
            claims = ADAPTERS[name]().claims
            assert claims >= SELECTS and not claims & {"nan-first", "signed-zero-tie", "layout-independent"}


STRIDE_BYTES, OUTPUT_BYTES = 1024, 32  # what the package asks for


def test_deepselect(monkeypatch: pytest.MonkeyPatch) -> None:
    def topk(input, topk, **options):  # type: ignore[no-untyped-def]
        assert set(options) == {
            "end",
            "indices_type",
            "sorted_index",
            "idx_oob_fill_value",
            "return_value",
            "abort_when_nan_found",
        }
        assert input.stride(0) * input.element_size() % STRIDE_BYTES == 0
        assert input.data_ptr() % 16 == 0
        width = topk + -topk % (OUTPUT_BYTES // 4)  # its output is not contiguous
        found = torch.empty(len(input), width, dtype=options["indices_type"])[:, :topk]
        found.copy_(wrong_topk.correct(input, options["end"], topk))
        return None, found

    stand_in(
        monkeypatch,
        "deep_select",
        topk=topk,
        get_stride_requirement=lambda: (STRIDE_BYTES, OUTPUT_BYTES),
    )
    target = DeepSelectTarget(device="cpu")
    for columns in (256, 3000, 3001):
        target.prepare()
        case = case_of(33, columns=columns)
        right = wrong_topk.correct(case.logits, case.lengths, 33).long()
        assert torch.equal(torch.from_numpy(target.call(case, POISONS[0], "").indices), right)
    assert "ascending-order" in CLAIMED and "short-lengths" not in CLAIMED
    assert target.refuses(lay_out([bits_of(float("nan"))], 1)) == "NaN makes the kernel abort"
    wide = lay_out([bits_of(1.0)], 1, columns=MOST_COLUMNS + 1)
    assert target.refuses(wide) == f"at most {MOST_COLUMNS} columns"


def headers_of(version: int, folder: Path) -> Path:
    """An include folder with nothing but CCCL's version."""
    path = folder / "cuda" / "std" / "__cccl" / "version.h"
    path.parent.mkdir(parents=True)
    path.write_text(f"#pragma once\n#define CCCL_VERSION {version}  // as told\n")
    return folder


@pytest.mark.parametrize("ties", [False, True])
def test_cub(ties: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def topk(logits, lengths, k, ties=False):  # type: ignore[no-untyped-def]
        right = wrong_topk.correct if ties else wrong_topk.correct_set
        return right(logits, lengths, k).flip(1).int()

    headers = headers_of(3_006_000, tmp_path / "new")
    monkeypatch.setattr(cub, "find_headers", lambda: headers)
    monkeypatch.setattr(cub, "load", lambda: types.SimpleNamespace(topk=topk))
    target = CubTarget(ties, device="cpu")
    assert answers_right(target, 100)
    assert target.fingerprint() == "CCCL 3006000"
    assert ("lowest-column-ties" in target.claims) is ties
    assert "ascending-order" not in target.claims


def test_an_older_cub_takes_short_rows_and_no_tie_break(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    headers = headers_of(3_005_000, tmp_path)
    monkeypatch.setattr(cub, "find_headers", lambda: headers)
    target = CubTarget(False, device="cpu")
    assert target.missing() is None
    assert target.refuses(case_of(5, rows=1, columns=MOST_COLUMNS_BEFORE)) is None
    assert target.refuses(case_of(5, rows=1, columns=MOST_COLUMNS_BEFORE + 1)) == "at most 8192 columns"
    with pytest.raises(TargetUnavailable, match="with CCCL 3.6; found CCCL_VERSION 3005000"):
        CubTarget(True, device="cpu").prepare()
    assert version_of(tmp_path / "nowhere") == 0
