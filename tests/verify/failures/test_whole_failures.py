"""Failures of whole calls: files and scripts that show them again, and the smallest call that fails."""

from __future__ import annotations

import json
import runpy
import sys
import zipfile
from pathlib import Path

import pytest
import torch
import wrong_whole
from places import DATA
from whole_cases import family_cases

from persistent_topk.verify.campaign.scales import SMALL_SETTINGS
from persistent_topk.verify.cases.case import Case, lay_out
from persistent_topk.verify.cases.families import FAMILIES
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.failures.replay import MANIFEST, DamagedFile, Failure, load, save
from persistent_topk.verify.failures.script import script_of
from persistent_topk.verify.failures.shrink import shrink
from persistent_topk.verify.judging.describe import case_in_words
from persistent_topk.verify.judging.examination import check_one
from persistent_topk.verify.judging.measurement import Measurement
from persistent_topk.verify.targets.function import FunctionTarget

VISITS = 60
ATTEMPTS = 300
# Of each mistake: the family that shows it, the promise that it breaks, and what its smallest call asks for.
MISTAKES = {
    "start_ignored": ("windows", "exact-set", ("starts",)),
    "start_rounded_down": ("windows", "exact-set", ("starts",)),
    "ratio_rounded_up": ("queries", "exact-set", ("compress_ratio",)),
    "queries_off_by_one": ("queries", "exact-set", ("queries",)),
    "halves_by_their_bits": ("narrow-contents", "exact-set", ("bfloat16",)),
    "neighbouring_page": ("page-tables", "translation", ("page_table",)),
    "wrapped_pages": ("page-tables", "translation", ("page_table", "table_starts")),
    "offset_on_the_padding": ("offsets", "translation", ("offsets",)),
    "truncated_to_32_bits": ("offsets", "translation", ("offsets", "index_dtype")),
    "values_of_the_next_slot": ("values", "values-match", ("return_values",)),
    "values_padded_with_zero": ("values", "values-match", ("return_values",)),
    "columns_counted_from_the_first": ("anything", "translation", ("starts", "return_columns")),
}


def target_of(name: str) -> FunctionTarget:
    target = FunctionTarget(f"wrong_whole:{name}", getattr(wrong_whole, name))
    target.prepare()
    return target


def first_failing(target: FunctionTarget, family: str, promise: str) -> tuple[Case, Measurement]:
    kind = FAMILIES[family]
    for visit in range(VISITS):
        setting = SMALL_SETTINGS[visit % len(SMALL_SETTINGS)]
        case = kind.make(setting, kind.parameters(visit, 0), visit)
        found = check_one(target, case, promise)
        if found is not None and found.broken:
            return case, found
    raise AssertionError(f"no case of {family} breaks {promise} of {target.name}")


@pytest.fixture(scope="module", params=MISTAKES)
def failure(request: pytest.FixtureRequest) -> Failure:
    """The smallest case that shows a mistake."""
    family, promise, _ = MISTAKES[request.param]
    target = target_of(request.param)
    case, told = first_failing(target, family, promise)

    def fails(case: Case) -> bool:
        found = check_one(target, case, promise)
        return found is not None and bool(found.broken) and found.cause == told.cause

    smallest = shrink(case, fails, attempts=ATTEMPTS)
    again = check_one(target, smallest, promise)
    assert again is not None and again.broken
    return Failure(
        target.name, promise, again.broken, smallest, claims=tuple(sorted(target.claims)), takes=target.limits
    )


def mistake_of(failure: Failure) -> str:
    return failure.target.partition(":")[2]


def test_the_smallest_call_asks_for_what_the_failure_needs(failure: Failure) -> None:
    case = failure.case
    assert MISTAKES[mistake_of(failure)][2] == case.asks
    assert case.rows <= 2 and case.columns <= 4 and case.k <= 2, case_in_words(case)


def test_the_right_function_answers_it(failure: Failure) -> None:
    found = check_one(target_of("right"), failure.case, failure.promise)
    assert found is not None and found.broken is None


def test_a_file_holds_all_of_it(failure: Failure, tmp_path: Path) -> None:
    path = save(failure, tmp_path / "failure.zip")
    again = load(path)
    assert failure.case.digest() == again.case.digest() and failure.case.asks == again.case.asks
    assert failure.takes == again.takes
    found = check_one(target_of(mistake_of(failure)), again.case, again.promise)
    assert found is not None and failure.message == found.broken


def run(script: Path, *arguments: str) -> int:
    """The exit code of a script, in this process: a process of its own would import torch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(script), *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(script), run_name="__main__")
    assert isinstance(end.value.code, int), end.value.code
    return end.value.code


def test_a_script_shows_it_and_holds_for_the_right_function(
    failure: Failure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "shows_it.py"
    script.write_text(script_of(failure, failure.target, "cpu", tmp_path / "beside.safetensors"))
    assert not (tmp_path / "beside.safetensors").exists()
    assert 1 == run(script), capsys.readouterr()
    assert capsys.readouterr().out.startswith("row ")
    assert 0 == run(script, "wrong_whole:right")
    assert "holds\n" == capsys.readouterr().out


@pytest.mark.parametrize("case", family_cases(visits=5), ids=lambda case: str(case.origin))
def test_every_call_is_read_back_as_it_was(case: Case, tmp_path: Path) -> None:
    failure = Failure("model", "exact-set", "", case, earlier=(case, lay_out([bits_of([1.0])], 1)))  # type: ignore[arg-type]
    again = load(save(failure, tmp_path / "failure.zip"))
    for before, after in ((case, again.case), (case, again.earlier[0])):
        assert (before.digest(), before.asks, before.rows) == (after.digest(), after.asks, after.rows)
    assert () == again.earlier[1].asks


def test_a_script_of_large_tensors_has_them_beside(tmp_path: Path) -> None:
    target = target_of("neighbouring_page")
    case, told = first_failing(target, "page-tables", "translation")
    failure = Failure(target.name, "translation", str(told.broken), case, claims=tuple(target.claims))
    beside = tmp_path / "beside.safetensors"
    script = tmp_path / "shows_it.py"
    script.write_text(script_of(failure, target.name, "cpu", beside))
    assert beside.exists()
    assert 1 == run(script)


DAMAGES = {
    "an option of no call": (lambda told: told["options"].update(speed=3), "'speed' is no argument"),
    "a page size": (lambda told: told["options"].update(page_size=3), "expected a power of two"),
    "a shape": (lambda told: told["shapes"].update(page_table=[7, 7]), "does not describe a case"),
    "rows": (lambda told: told.update(rows=-1), "rows out of range"),
    "a missing tensor": (lambda told: told["shapes"].update(ends=[1]), "holds no ends.bin"),
    "a dtype of no tensor": (
        lambda told: told["options"].update(index_dtype="int7"),
        "does not describe a case",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_manifest_of_no_call_is_rejected(name: str, tmp_path: Path) -> None:
    change, words = DAMAGES[name]
    options = {"page_table": torch.zeros(1, 2, dtype=torch.int32), "page_size": 2}
    case = lay_out([bits_of([1.0, 2.0])], 1, options=options)  # type: ignore[arg-type]
    path = save(Failure("model", "exact-set", "", case), tmp_path / "failure.zip")
    with zipfile.ZipFile(path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    manifest = json.loads(entries[MANIFEST])
    change(manifest["case"])
    with zipfile.ZipFile(path, "w") as file:
        for entry, content in {**entries, MANIFEST: json.dumps(manifest).encode()}.items():
            file.writestr(entry, content)
    with pytest.raises(DamagedFile, match=words):
        load(path)


def test_the_file_of_a_plain_call_is_one_that_earlier_versions_read(tmp_path: Path) -> None:
    plain = save(Failure("model", "exact-set", "", lay_out([bits_of([1.0])], 1)), tmp_path / "plain.zip")  # type: ignore[arg-type]
    versions = []
    for path in (plain, DATA / "replay" / "whole.zip"):
        with zipfile.ZipFile(path) as file:
            versions.append(json.loads(file.read(MANIFEST))["version"])
    assert [1, 2] == versions


def test_a_whole_call_that_this_version_saved_first_replays() -> None:
    failure = load(DATA / "replay" / "whole.zip")
    assert ("bfloat16", "starts", "page_table", "return_values") == failure.case.asks
    assert "157cad9302b80ddbf905d2910d0590bd" == failure.case.digest()
    found = check_one(target_of("neighbouring_page"), failure.case, failure.promise)
    assert found is not None and failure.message == found.broken
