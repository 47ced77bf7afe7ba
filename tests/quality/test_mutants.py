"""The checker on kernels with one mistake each: every mutant applies, and is killed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from persistent_topk.commands.mutants import command
from persistent_topk.cuda.emulator.build import KERNEL
from persistent_topk.verify.campaign.campaign import Options
from persistent_topk.verify.mutants import DoesNotApply, Edit, Mutant, all_mutants
from persistent_topk.verify.mutants.barriers import lost_barriers
from persistent_topk.verify.mutants.mutant import KINDS, one_edit
from persistent_topk.verify.mutants.trial import BROKEN, KILLED, SURVIVED, put_on_trial

MUTANTS = all_mutants()
CASES = 60  # the handful below die of far fewer

# Mutant: what kills it, by one cause of each sort.
HANDFUL = {
    "lost-barrier-held-row-1": ("race", "shared memory"),
    "counts-in-the-bin-not-kept": ("unwritten-read", "which nothing wrote"),
    "more-counters-expected": ("deadlock", "waiting for an asynchronous copy"),
    "padding-is-column-0": ("padding", "repeat"),
    "chunks-rounded-down": ("trace-agreement", "large, chunk, CTA"),
}


def trial(mutant: Mutant, cases: int = CASES):  # type: ignore[no-untyped-def]
    return put_on_trial(mutant, Options(seconds=None, cases=cases))


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))
def test_every_mutant_applies_to_the_present_kernel(mutant: Mutant, tmp_path: Path) -> None:
    altered = mutant.write(tmp_path / "kernel")
    before, after = (
        {path.name: path.read_text() for kind in KINDS for path in folder.glob(kind)}
        for folder in (mutant.of, altered)
    )
    assert before.keys() == after.keys()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {edit.file for edit in mutant.edits}


def test_every_barrier_of_the_kernel_is_lost_once() -> None:
    waits = re.compile(r"(?:__syncthreads|\bptx::grid_barrier|\bawait_peers|\bawait)\(\w*\);")
    calls = sum(len(waits.findall(path.read_text())) for path in KERNEL.glob("*.cuh"))
    lost = [mutant.edits[0] for mutant in lost_barriers()]
    assert len(lost) == len(set(lost)) == calls


def test_an_edit_must_match_once_and_ignores_white_space() -> None:
    edit = Edit("a.cuh", "a < b", "a <= b")
    assert edit.in_text("if (a  <\n b)") == "if (a <= b)"
    for text in ("a > b", "a < b; a < b"):
        with pytest.raises(DoesNotApply, match="expected once"):
            edit.in_text(text)


@pytest.mark.slow
@pytest.mark.parametrize("name", HANDFUL)
def test_a_mutant_is_killed_and_the_cause_is_named(name: str) -> None:
    by, words = HANDFUL[name]
    found = trial(MUTANTS[name])
    assert (found.verdict, found.by) == (KILLED, by), found
    assert words in found.told
    assert found.cases >= 1


@pytest.mark.slow
def test_the_command_tells_kills_from_survivors(tmp_path: Path) -> None:
    file = tmp_path / "mutants.json"
    arguments = ["--only", "lost-barrier-rank-1", "--cases", "2", "--json", str(file)]
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert result.return_value == 0, result.output
    assert "1 of 1 mutants killed" in result.output
    document = json.loads(file.read_text())
    assert document["verdict"] == "agree"
    assert document["control"]["verdict"] == SURVIVED
    assert document["mutants"]["lost-barrier-rank-1"]["verdict"] == KILLED


def test_a_mutant_that_does_not_apply_or_compile_counts_for_nothing() -> None:
    gone = one_edit("gone", "radix.cuh", "no such text", "", "nothing")
    assert trial(gone).verdict == BROKEN
    wrong = one_edit("wrong", "trivial.cuh", "row.output[slot] =", "no_such_name =", "nothing")
    found = trial(wrong)
    assert found.verdict == BROKEN
    assert "no_such_name" in found.told


@pytest.mark.exhaustive
def test_all_mutants_are_killed_but_equivalent_ones() -> None:
    result = CliRunner().invoke(command, [], standalone_mode=False)
    assert result.return_value == 0, result.output
