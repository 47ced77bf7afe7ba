"""Targets that take rows in shards: ours, and wrong ones by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from persistent_topk.commands.cli import group
from persistent_topk.exit_code import ExitCode
from persistent_topk.reference import oracle
from persistent_topk.reference.layout import Layout
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.outcome import TargetOutcome
from persistent_topk.verify.cases.case import lay_out
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.cases.variants import other_cuts
from persistent_topk.verify.judging.examination import check_one
from persistent_topk.verify.properties import CLAIMS, parse_claim
from persistent_topk.verify.targets import SHARDED, inside, resolve
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.target import TargetMisnamed

CASES = 6
SHARDS = "shard-independent"


def examined(target: FunctionTarget, folder: Path, cases: int = CASES) -> TargetOutcome:
    options = Options(cases=cases, failures=folder, families=("contents",))
    return Campaign([target], options).run().targets[target.name]


@pytest.mark.parametrize("name", SHARDED)
def test_ours_give_the_bytes_of_one_process(name: str, tmp_path: Path) -> None:
    target = inside(name)
    target.prepare()
    outcome = examined(target, tmp_path)  # type: ignore[arg-type]
    assert [] == outcome.failing()
    assert outcome.properties[SHARDS].claimed and outcome.properties[SHARDS].cases >= CASES // 2


def joined(shards: list[torch.Tensor], block: int | None) -> torch.Tensor:
    return Layout(tuple(shard.shape[1] for shard in shards), block).join(shards)


def whole(shards: list[torch.Tensor], lengths: torch.Tensor, k: int, block: int | None) -> torch.Tensor:
    """Right, but no merge: the shards are joined to the rows that they were cut from."""
    return oracle.topk(joined(shards, block), lengths, k)


def end_to_end(shards: list[torch.Tensor], lengths: torch.Tensor, k: int, block: int | None) -> torch.Tensor:
    """Takes every layout for consecutive shards."""
    return oracle.topk(joined(shards, None), lengths, k)


def of_the_first(
    shards: list[torch.Tensor], lengths: torch.Tensor, k: int, block: int | None
) -> torch.Tensor:
    """Selects from the first shard alone."""
    return oracle.topk(shards[0], lengths, k)


def test_a_function_of_shards_is_asked_them(tmp_path: Path) -> None:
    assert [] == examined(FunctionTarget("whole", whole), tmp_path).failing()


@pytest.mark.parametrize("function", [end_to_end, of_the_first])
def test_a_wrong_merge_is_named(function, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    outcome = examined(FunctionTarget(function.__name__, function), tmp_path)
    assert [SHARDS] == outcome.failing()
    assert "shards of" in outcome.properties[SHARDS].summary
    assert outcome.properties[SHARDS].replay is not None


def test_a_failure_shrinks_to_a_row_of_few_columns(tmp_path: Path) -> None:
    options = Options(seconds=None, cases=40, failures=tmp_path)
    outcome = Campaign([FunctionTarget("end_to_end", end_to_end)], options).run()
    assert "case: 1 x" in f"case: {outcome.targets['end_to_end'].properties[SHARDS].story}"


def test_the_property_is_of_those_that_take_shards_alone(tmp_path: Path) -> None:
    assert SHARDS not in examined(FunctionTarget("oracle", oracle.topk), tmp_path, cases=1).properties
    assert frozenset({SHARDS}) == parse_claim(SHARDS)
    assert SHARDS not in parse_claim("contract")
    assert SHARDS in FunctionTarget("whole", whole).claims
    assert SHARDS not in FunctionTarget("whole", whole, CLAIMS["set"]).claims


def test_a_case_has_cuts_of_every_kind() -> None:
    case = lay_out([bits_of(torch.randn(50).numpy())], 7)
    cuts = [form.case.cut for form in other_cuts(case)]
    assert {1, 2, 3, 4, 8} == {cut.ranks for cut in cuts if cut}
    assert all(cut is not None and cut.columns == 50 for cut in cuts)
    consecutive = [cut.widths for cut in cuts if cut and cut.block is None]
    assert any(0 in widths for widths in consecutive) and any(len(set(widths)) > 2 for widths in consecutive)
    assert {1, 5, 16} == {cut.block for cut in cuts if cut and cut.block and cut.ranks > 1}


def test_who_takes_no_shards_is_asked_none() -> None:
    case = lay_out([bits_of(torch.randn(50).numpy())], 7)
    assert not FunctionTarget("oracle", oracle.topk).takes(replace(case, cut=Layout((20, 30))))
    assert None is check_one(FunctionTarget("oracle", oracle.topk), case, SHARDS)


def test_a_file_s_function_of_shards_is_known_by_its_first_parameter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "of_shards.py").write_text(
        "from persistent_topk.reference import sharded\n"
        "def topk(shards, lengths, k, block):\n"
        "    return sharded.topk(shards, lengths, k, block=block)[-1]\n"
        "def forgot(shards, lengths, k):\n"
        "    pass\n"
    )
    target = resolve("of_shards:topk")
    target.prepare()
    try:
        case = lay_out([bits_of(torch.tensor([2.0, 5.0, 5.0, 1.0]).numpy())], 2)
        assert target.takes_shards and SHARDS in target.claims
        for form in other_cuts(case):
            assert [[1, 2]] == target.call(form.case, 0, "").indices.tolist()
    finally:
        target.close()
    with pytest.raises(TargetMisnamed, match=r"nor as \(shards, lengths, k, block\)"):
        resolve("of_shards:forgot").prepare()


def test_the_command_shows_it(tmp_path: Path) -> None:
    words = ["verify", "--target", "sharded.pairs", "--cases", "2", "--failures", str(tmp_path)]
    found = CliRunner().invoke(
        group, [*words, "--claim", SHARDS, "--family", "contents"], standalone_mode=False
    )
    assert ExitCode.AGREE == found.return_value, found.output
    assert SHARDS in found.output
