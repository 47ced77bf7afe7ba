"""Cases and families: rebuilt from their origin, aimed at the policies' boundaries, laid out as told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from persistent_topk.reference.order import ordered_key
from persistent_topk.reference.policy import LATENCY, MAX_K, POLICIES, SMALL, TINY
from persistent_topk.reference.stream import rank_in_samples
from persistent_topk.verify.campaign.scales import SHIPPED_SETTINGS, SMALL_SETTINGS
from persistent_topk.verify.cases.arrangements import ordered_keys
from persistent_topk.verify.cases.boundaries import (
    ROW_BOUNDARIES,
    label,
    row_boundary,
    touched_counts,
    touched_lengths,
)
from persistent_topk.verify.cases.case import FILLS, GUARD, OUTSIDE, Origin, lay_out, rebuild
from persistent_topk.verify.cases.families import FAMILIES, Family, Setting, from_origin
from persistent_topk.verify.cases.values import CONTENTS, bit_of, bits_of
from persistent_topk.verify.judging.examination import Subject
from persistent_topk.verify.judging.judge import Expected

ROW = np.arange(5, dtype=np.uint32)
VISITS = 6
HALF_A_FINE_BIN = {"remainder": "half", "content": "one-fine-bin", "place": "spread"}
HALF_A_PLATEAU = {"boundary": "word", "delta": 0, "remainder": "half", "path": "medium", "place": "spread"}
SETTINGS = (SMALL_SETTINGS[0], SMALL_SETTINGS[1], SHIPPED_SETTINGS[0])


def test_rows_lie_where_offset_and_gap_put_them() -> None:
    case = lay_out([ROW, ROW[:3]], 2, offset=1, gap=2, tail=FILLS["inf"])
    assert case.logits.shape == (2, 5)
    assert case.logits.stride() == (7, 1)
    assert case.storage.numel() == 1 + 2 * 7 + GUARD
    assert case.bits()[0].tolist() == ROW.tolist()
    assert case.bits()[1].tolist() == [0, 1, 2, FILLS["inf"], FILLS["inf"]]
    memory = case.storage.view(torch.int32).numpy().view(np.uint32)
    assert memory[0] == memory[6] == memory[-1] == OUTSIDE


def test_a_rebuilt_case_keeps_what_is_not_changed() -> None:
    case = lay_out([ROW, ROW], 2, offset=3, gap=1, policy="small", origin=Origin("normals", {}, 9))
    again = rebuild(case, case.bits(), lengths=case.lengths.numpy())
    assert again.digest() == case.digest()
    assert (again.k, again.policy, again.origin) == (2, "small", case.origin)


def test_signalling_nan_survive_copies() -> None:
    case = lay_out([np.array([0x7F800001, 0xFF800001], np.uint32)], 1)
    assert case.copy().bits().tolist() == [[0x7F800001, 0xFF800001]]


@pytest.mark.parametrize("k", [1, 33, 513, MAX_K])
@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_every_family_has_cases_for_every_k(family: Family, k: int) -> None:
    for setting in SHIPPED_SETTINGS[:1] if family.fixed_sizes else SMALL_SETTINGS:
        for visit in range(VISITS):
            case = family.make(replace(setting, k=k, keeps_k=True), family.parameters(visit, 0), seed=visit)
            assert case.k == k and from_origin(case.origin).digest() == case.digest()


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_every_family_is_rebuilt_from_its_origin(family: Family, setting: Setting) -> None:
    if family.fixed_sizes and setting.policy in (SMALL.name, TINY.name):
        pytest.skip("its sizes are those of the shipped policies")
    for visit in range(min(family.size, VISITS)):
        parameters = family.parameters(visit, 5)
        case = family.make(setting, parameters, seed=11)
        assert from_origin(case.origin).digest() == case.digest()
        assert case.rows >= (parameters.get("mistake") != "no-rows") and case.k >= 1


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_a_walk_over_a_grid_meets_every_point_once(family: Family) -> None:
    points = {tuple(family.parameters(visit, 3).items()) for visit in range(family.size)}
    assert len(points) == family.size


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda policy: policy.name)
def test_lengths_at_a_boundary_are_told_as_such(policy) -> None:  # type: ignore[no-untyped-def]
    for name in ROW_BOUNDARIES:
        at = row_boundary(name, policy, 7, policy.max_ctas)
        for delta in (-1, 0, 1):
            assert label(name, delta) in touched_lengths(at + delta, policy, 7, policy.max_ctas)


def test_counts_at_a_boundary_are_told_as_such() -> None:
    assert "bin candidates" in touched_counts(SMALL.candidates, SMALL)
    assert "bin twice_candidates+1" in touched_counts(2 * SMALL.candidates + 1, SMALL)


@pytest.mark.parametrize("delta", [-1, 0, 1])
@pytest.mark.parametrize("boundary", ["rank_max", "candidates"])
@pytest.mark.parametrize("path", ["decode", "held", "medium", "large"])
def test_full_bins_hold_what_they_are_named_for(boundary: str, delta: int, path: str) -> None:
    setting = Setting("small", 20, "small")
    parameters = {"boundary": boundary, "delta": delta, "path": path, **HALF_A_FINE_BIN}
    case = FAMILIES["full-bins"].make(setting, parameters, seed=1)  # type: ignore[arg-type]
    record = Subject(case).model[1][0, 0]
    assert record["count"] == getattr(SMALL, boundary) + delta
    assert record["spilled"] == (record["count"] > SMALL.candidates)


@pytest.mark.parametrize("kind", ["one", "both-zeros", "inf", "nan", "subnormal", "mask", "huge"])
def test_plateaus_are_cut_at_the_kth_place(kind: str) -> None:
    parameters = {"kind": kind, **HALF_A_PLATEAU}
    case = FAMILIES["tie-plateaus"].make(Setting("small", 40, "small"), parameters, seed=2)  # type: ignore[arg-type]
    assert Expected.of(case).tie_is_cut.all()


@pytest.mark.parametrize("setting", SMALL_SETTINGS, ids=str)
def test_segments_are_emitted_one_by_one_from_complete_lists(setting: Setting) -> None:
    family = FAMILIES["segments"]
    for visit in range(family.size):
        case = family.make(setting, family.parameters(visit, 0), seed=visit)
        record = Subject(case).model[1][0]
        assert (record["end"] - record["begin"] > setting.boundaries.map).all()
        assert record["listed"].all()


@pytest.mark.parametrize("setting", SMALL_SETTINGS, ids=str)
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("excess", [0, -1])
def test_k_over_a_sample_leaves_a_stream_without_a_bound(setting: Setting, excess: int, shared: bool) -> None:
    parameters = {"excess": excess, "shared": shared, "content": "normal", "extra": 5}
    case = FAMILIES["k-over-a-sample"].make(setting, parameters, seed=1)
    records = Subject(case).model[1][0]
    rank = rank_in_samples(case.k, int(records[0]["end"]), setting.boundaries)
    assert (rank > setting.boundaries.sample) == (excess == 0)
    assert not records["restarted"].any()


@pytest.mark.parametrize("setting", SMALL_SETTINGS, ids=str)
@pytest.mark.parametrize("greatest", ["in", "beside"])
def test_a_sample_that_has_the_greatest_columns_makes_a_stream_begin_again(
    setting: Setting, greatest: str
) -> None:
    family = FAMILIES["misled-samples"]
    for visit in range(family.size):
        parameters = {**family.parameters(visit, 0), "greatest": greatest}
        records = Subject(family.make(setting, parameters, seed=visit)).model[1][0]
        assert (records["restarted"] == (greatest == "in")).all()


@pytest.mark.parametrize("setting", SMALL_SETTINGS, ids=str)
def test_full_lists_are_full_to_the_last_place(setting: Setting) -> None:
    family = FAMILIES["full-lists"]
    for visit in range(family.size):
        parameters = family.parameters(visit, 0)
        records = Subject(family.make(setting, parameters, seed=visit)).model[1][0]
        told = setting.boundaries.survivors + int(str(parameters["excess"]))
        assert (records["listed"] == (told <= setting.boundaries.survivors)).all()
        if told <= setting.boundaries.survivors:
            assert (records["survivors"] == told).all() and not records["restarted"].any()


def test_a_crowded_chunk_fills_its_list_with_fewer_than_k() -> None:
    setting = Setting("small", 32, "small")
    family = FAMILIES["crowded-chunks"]
    for visit in range(family.size):
        case = family.make(setting, family.parameters(visit, 0), seed=visit)
        record = Subject(case).model[1][0]
        assert setting.boundaries.survivors // 2 < record["survivors"].max() < case.k
        assert not record["updates"].any()


@pytest.mark.parametrize("content", CONTENTS)
def test_contents_have_the_length_asked_for(content: str) -> None:
    for n in (0, 1, 33):
        row = CONTENTS[content](np.random.default_rng(1), n)
        assert row.dtype == np.uint32 and row.shape == (n,)


def test_the_keys_of_bit_patterns_are_the_references() -> None:
    bits = np.concatenate(
        [
            CONTENTS["any-bits"](np.random.default_rng(3), 100_000),
            CONTENTS["both-zeros"](np.random.default_rng(4), 99),
        ]
    )
    expected = ordered_key(torch.from_numpy(bits.view(np.int32)).view(torch.float32))
    found = torch.from_numpy(ordered_keys(bits).astype(np.int64))
    assert torch.equal(expected.to(torch.int64) & 0xFFFFFFFF, found)


def test_bit_patterns_of_values() -> None:
    assert bit_of(1.0) == 0x3F800000
    assert bits_of(np.array([-0.0, np.inf])).tolist() == [0x80000000, 0x7F800000]


def test_the_policies_boundaries_are_those_of_the_policy() -> None:
    assert row_boundary("decode_max", LATENCY, 1, 1) == LATENCY.decode_max
    assert row_boundary("peer-3708", LATENCY, 1, 1) == 3708
