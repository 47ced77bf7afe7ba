"""The checker on kernels with one mistake each: every mutant applies, and is killed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from persistent_topk.commands.mutants import command
from persistent_topk.cuda.emulator import topk
from persistent_topk.cuda.emulator.build import KERNEL
from persistent_topk.exit_code import ExitCode
from persistent_topk.reference.plan import BY_PLAN, ENTRIES, LAUNCHES, Plan
from persistent_topk.reference.policy import POLICIES
from persistent_topk.tools.mutant_hints import hints_in
from persistent_topk.verify.campaign.campaign import Options
from persistent_topk.verify.cases.case import Origin
from persistent_topk.verify.cases.families import from_origin
from persistent_topk.verify.judging.examination import Subject, examine
from persistent_topk.verify.mutants import DoesNotApply, Edit, Mutant, all_mutants, runner
from persistent_topk.verify.mutants.assigning import ASSIGNING
from persistent_topk.verify.mutants.barriers import lost_barriers
from persistent_topk.verify.mutants.first_look import (
    EVERY,
    HINTS_FILE,
    POLICY,
    SEVERAL,
    Hint,
    LookTarget,
    cases_for,
    entry_of,
    hints,
    kernel_of,
)
from persistent_topk.verify.mutants.kept import UNALTERED, Kept, identity
from persistent_topk.verify.mutants.mutant import KINDS, one_edit
from persistent_topk.verify.mutants.ranks import REFERENCE
from persistent_topk.verify.mutants.trial import (
    BROKEN,
    CAMPAIGN_SECONDS,
    KILLED,
    SURVIVED,
    Trial,
    put_on_trial,
)
from persistent_topk.verify.targets.target import TargetFailure

MUTANTS = all_mutants()
CASES = 60  # the handful below die of far fewer

# Mutant: what kills it, by one cause of each sort.
HANDFUL = {
    "lost-barrier-held-row-1": ("race", "shared memory"),
    "counts-in-the-bin-not-kept": ("unwritten-read", "which nothing wrote"),
    "more-counters-expected": ("deadlock", "waiting for an asynchronous copy"),
    "padding-is-column-0": ("padding", "in place of the padding"),
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
    waits = re.compile(r"(?:__syncthreads|__syncwarp|\bptx::grid_barrier|\bawait_peers|\bawait)\(\w*\);")
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
    wrong = one_edit("wrong", "trivial.cuh", "plain_slots(row)[slot] =", "no_such_name =", "nothing")
    found = trial(wrong)
    assert found.verdict == BROKEN
    assert "no_such_name" in found.told


def test_a_survivor_costs_no_more_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    edit = Edit("lists.py", "(listed >= 0).sum(dim=1)", "(listed > -1).sum(dim=1)")
    harmless = Mutant("harmless", "nothing", (edit,), of=REFERENCE)
    for seconds, expected in ((0.0, 1), (CAMPAIGN_SECONDS, 3)):
        monkeypatch.setattr("persistent_topk.verify.mutants.trial.CAMPAIGN_SECONDS", seconds)
        found = trial(harmless, cases=3)
        assert (SURVIVED, expected) == (found.verdict, found.cases)


def test_hints_are_of_mutants_and_of_cases_of_known_kernels() -> None:
    of_kernel = {name: mutant for name, mutant in MUTANTS.items() if mutant.of == KERNEL}
    known = hints()
    assert known.keys() <= of_kernel.keys()
    assert {mutant.name for mutant in ASSIGNING} <= known.keys()
    assert len(known) >= 0.95 * len(of_kernel), "python -m persistent_topk.tools.mutant_hints writes them"
    for name in list(known)[:: len(known) // 8]:
        policy, entry, _ = kernel_of(from_origin(known[name].origin))
        assert policy in {item.name for item in POLICIES.values()} and entry in (*ENTRIES, SEVERAL)


@pytest.mark.slow
@pytest.mark.parametrize("entry", EVERY)
def test_a_look_compiles_the_kernel_that_its_cases_run(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = LookTarget(KERNEL, (POLICY, entry, torch.float32))
    for hint, case in islice(cases_for(entry), 3):
        measured = examine(target, Subject(case), [target.schedule(hint.schedule)])
        assert [] == [item for item in measured if item.broken]
    other = next(case for name in EVERY if name != entry for _, case in cases_for(name))
    assert target.refuses(other) is not None
    monkeypatch.setattr(Plan, "entries", lambda *_: {LAUNCHES.index(BY_PLAN): entry})
    with pytest.raises(TargetFailure, match="not-compiled"):
        target.call(other, 0, "")


def test_a_look_at_a_call_of_several_launches_compiles_a_kernel_each(monkeypatch: pytest.MonkeyPatch) -> None:
    hint = hints()["teams-twice-as-large"]
    case = from_origin(hint.origin)
    built: list[tuple[str, ...]] = []
    compiler = topk.build_kernel
    monkeypatch.setattr(
        topk,
        "build_kernel",
        lambda *given, **how: built.append(tuple(given[1])) or compiler(*given, **how),
    )
    topk.load.cache_clear()
    target = LookTarget(KERNEL, kernel_of(case))
    assert [] == [item for item in examine(target, Subject(case), ["", ""]) if item.broken]
    entries = case.plan.entries(case.columns, case.limits)
    assert SEVERAL == entry_of(case) and len(entries) > 1
    assert {f"PERSISTENT_TOPK_ENTRY={ENTRIES.index(entry)}" for entry in entries.values()} == {
        define for defines in built for define in defines if "ENTRY" in define
    }
    assert len(built) == len(entries)


def test_kernels_that_are_compiled_briefly_are_traced() -> None:
    with pytest.raises(ValueError, match="trace is None; expected one"):
        topk.topk(torch.zeros(1, 8), None, 2, brief=True)


def trials_of(names: list[str]) -> Iterator[Trial]:
    for name in names:
        survives = name == UNALTERED.name
        yield Trial(
            name, SURVIVED if survives else KILLED, "" if survives else "race", "two\nlines", seconds=1.0
        )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Trials that cost nothing; the names of those that are put on trial. "stop" among them interrupts."""
    asked: list[str] = []

    def run_trials(mutants: Sequence[Mutant], seed: int, cases: int) -> Iterator[Trial]:
        for mutant in mutants:
            if asked[-1:] == ["stop"]:
                raise KeyboardInterrupt
            asked.append(mutant.name)
            yield from trials_of([mutant.name])

    monkeypatch.setattr(runner, "run_trials", run_trials)
    monkeypatch.setenv("PERSISTENT_TOPK_CACHE", str(tmp_path))
    return asked


def mutants(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), standalone_mode=False)


def test_each_result_is_a_line_and_written_as_it_comes(
    fake: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, written = tmp_path / "mutants.json", []
    monkeypatch.setattr(
        "persistent_topk.commands.mutants.write_json",
        lambda path, document: written.append((path, len(document["mutants"]), document["verdict"])),
    )
    done = mutants("--only", "lost-barrier-rank", "--json", str(file))
    assert (0, [UNALTERED.name, "lost-barrier-rank-1"]) == (done.return_value, fake)
    assert "1 of 2    1.0 s  survived the kernel as it is" in done.output
    assert "2 of 2    1.0 s  killed   lost-barrier-rank-1 race two lines" in done.output
    assert [(file, 0, "incomplete"), (file, 1, "incomplete"), (file, 1, "agree")] == written


def test_an_interrupted_run_is_continued_and_a_finished_one_begins_anew(fake: list[str]) -> None:
    part = ("--only", "lost-barrier-list-columns")
    fake.append("stop")
    assert mutants(*part).return_value == ExitCode.INTERRUPTED
    fake.clear()

    def stopping(mutants: Sequence[Mutant], seed: int, cases: int) -> Iterator[Trial]:
        yield from trials_of([mutant.name for mutant in mutants[:3]])
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "run_trials", stopping)
        stopped = mutants(*part)
    assert stopped.return_value == ExitCode.INTERRUPTED and "continues with them" in stopped.output
    again = mutants(*part)
    assert again.return_value == 0 and "3 trials are known from an earlier run" in again.output
    assert UNALTERED.name not in fake and 6 == len(fake)
    fake.clear()
    anew = mutants(*part)
    assert 8 == len(fake) and UNALTERED.name not in fake, "the control is kept with the kernel's hash"
    assert "1 trials are known" in anew.output


def test_what_was_kept_is_of_one_kernel_and_checker(tmp_path: Path) -> None:
    hint = Hint(Origin("tour", {"policy": "tiny", "k": 8, "device": "pair"}, 3), 12)
    trial = Trial("a", KILLED, "race", "told", ("exact-set",), 1.5, 2, hint)
    store = Kept(tmp_path, "one")
    for item in (trial, Trial("b", BROKEN, told="no compiler")):
        store.keep(item)
    (file,) = tmp_path.iterdir()
    with file.open("a") as lines:
        lines.write('{"name": "torn')
    assert [trial] == Kept(tmp_path, "one").trials(["a", "b"])
    assert [] == Kept(tmp_path, "other").trials(["a"])
    assert identity(0, 450) == identity(0, 450) != identity(1, 450)


def test_hints_are_written_from_the_document_of_a_run() -> None:
    hint = {"origin": {"family": "tour", "parameters": {}, "seed": 0}, "schedule": 6}
    text = hints_in({"mutants": {"b": {"hint": hint}, "a": {"hint": None}}})
    assert {"b": hint} == json.loads(text)
    assert HINTS_FILE.read_text() == hints_in(
        {"mutants": {name: {"hint": told} for name, told in json.loads(HINTS_FILE.read_text()).items()}}
    )


@pytest.mark.exhaustive
def test_all_mutants_are_killed_but_equivalent_ones() -> None:
    result = CliRunner().invoke(command, [], standalone_mode=False)
    assert result.return_value == 0, result.output
