"""Records of GPU runs: read, judged current or stale, rendered; and those that are checked in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from persistent_topk.cuda.build import PYTHON_COMMENT, code_of, kernel_hash
from persistent_topk.exit_code import ExitCode
from persistent_topk.reference.policy import SHIPPED
from persistent_topk.tools import records, spills

ENVIRONMENT = {"date": "2026-01-01", "gpu": "H100", "driver": "1", "nvcc": "13.0", "torch": "2.6"}


def write(folder: Path, name: str, kernel: str, ok: bool = True) -> None:
    found = {"ok": ok, "lines": ["12 tests"], "files": records.gpu_tests()}
    records.write_record(folder, name, {"kernel": kernel, **ENVIRONMENT}, found)


def test_a_current_clean_record_passes_the_check(tmp_path: Path) -> None:
    write(tmp_path, "tests", kernel_hash())
    assert ExitCode.AGREE == records.check(tmp_path)


def test_a_record_of_another_kernel_fails_the_check(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write(tmp_path, "tests", kernel_hash())
    write(tmp_path, "soak", "0123456789abcdef")
    assert ExitCode.MISMATCH == records.check(tmp_path)
    assert "0123456789abcdef" in capsys.readouterr().out


def test_a_record_of_other_tests_fails_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    write(tmp_path, "tests", kernel_hash())
    write(tmp_path, "soak", kernel_hash())
    today = {**records.gpu_tests(), "test_new.py": "1"}
    monkeypatch.setattr(records, "gpu_tests", lambda: today)
    assert ExitCode.MISMATCH == records.check(tmp_path)
    told = capsys.readouterr().out.splitlines()
    assert "other tests: test_new.py changed; run make gate STEPS=tests" in told[0]
    assert "soak: current" in told[1]


def test_the_gpu_tests_are_the_code_of_their_folder(tmp_path: Path) -> None:
    (tmp_path / "calls.py").write_text("def call(): ...\n")
    (tmp_path / "kernel.cu").write_text("int one();  // why\n")
    (tmp_path / "notes.md").write_text("Notes.\n")
    test = tmp_path / "test_gpu.py"
    test.write_text("def test_it(): assert 1  # why\n")
    found = records.gpu_tests(tmp_path)
    assert ["calls.py", "kernel.cu", "test_gpu.py"] == list(found)
    test.write_text(test.read_text().replace("# why", "# for another reason"))
    assert found == records.gpu_tests(tmp_path)
    test.write_text(test.read_text().replace("assert 1", "assert 2"))
    assert found["test_gpu.py"] != records.gpu_tests(tmp_path)["test_gpu.py"]


def test_the_gpu_tests_of_the_repository_are_known() -> None:
    some = {"conftest.py", "gpu_calls.py", "order_device.cu", "test_gpu_graphs.py"}
    assert some <= records.gpu_tests().keys()


def test_a_record_of_a_failure_fails_the_check(tmp_path: Path) -> None:
    write(tmp_path, "tests", kernel_hash(), ok=False)
    assert ExitCode.MISMATCH == records.check(tmp_path)


def test_no_records_at_all_are_not_a_success(tmp_path: Path) -> None:
    assert ExitCode.INCOMPLETE == records.check(tmp_path)


def test_the_page_shows_every_record_with_its_origin(tmp_path: Path) -> None:
    write(tmp_path, "sanitizers", "aaaa")
    write(tmp_path, "tests", "bbbb")
    page = records.render(records.load_records(tmp_path))
    assert page.index("## GPU tests") < page.index("## compute-sanitizer")
    assert "kernel aaaa" in page and "12 tests" in page
    assert "| GPU tests | clean: 12 tests | bbbb | 2026-01-01 |" in page
    assert "python -m persistent_topk.tools.gate" in page


def test_a_record_of_a_failure_is_shown_as_one(tmp_path: Path) -> None:
    write(tmp_path, "tests", "aaaa", ok=False)
    assert "| **not clean: 12 tests** |" in records.render(records.load_records(tmp_path))


def test_the_page_is_of_the_records_that_are_checked_in() -> None:
    assert records.PAGE.read_text() == records.render(records.load_records())


def red(folder: Path = records.RECORDS_DIR) -> list[str]:
    """The records of runs that failed, stale or not."""
    return [record["name"] for record in records.load_records(folder) if not record["found"]["ok"]]


def test_the_checked_in_records_are_whole_and_green() -> None:
    assert [] == red()


def test_a_stale_record_fails_only_the_check_of_records(tmp_path: Path) -> None:
    write(tmp_path, "tests", "0123456789abcdef")
    assert [] == red(tmp_path)
    assert ExitCode.MISMATCH == records.check(tmp_path)


def test_a_red_record_fails_this_suite_even_if_it_is_stale(tmp_path: Path) -> None:
    write(tmp_path, "tests", "0123456789abcdef", ok=False)
    assert ["tests"] == red(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda record: record.update(schema=9), "schema is 9; expected 1"),
        (lambda record: record.update(name="soak"), "name is 'soak'; expected the file's"),
        (lambda record: record.pop("kernel"), "kernel is None; expected a string"),
        (lambda record: record.pop("found"), "found has no ok"),
        (lambda record: record["found"].update(ok="yes"), "found has no ok"),
        (lambda record: record["found"].update(lines="clean"), "found.lines is 'clean'"),
    ],
)
def test_a_malformed_record_fails_this_suite_and_the_check(
    change: Callable[[dict[str, Any]], object], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "tests", kernel_hash())
    record = json.loads((tmp_path / "tests.json").read_text())
    change(record)
    (tmp_path / "tests.json").write_text(json.dumps(record))
    with pytest.raises(records.MalformedRecord) as found:
        red(tmp_path)
    assert words in str(found.value) and "tests.json" in str(found.value)
    assert ExitCode.MISMATCH == records.check(tmp_path)
    assert words in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_file_that_is_no_object_is_malformed(content: str, tmp_path: Path) -> None:
    (tmp_path / "tests.json").write_text(content)
    with pytest.raises(records.MalformedRecord, match=r"tests\.json"):
        red(tmp_path)


def test_the_checked_in_report_of_the_compiler_shows_no_spill_where_the_kernel_is_tuned() -> None:
    found = [record for record in records.load_records() if record["name"] == "build"]
    if not found or "kernels" not in found[0]["found"]:
        pytest.skip("no compiler's report in docs/records: run python -m persistent_topk.tools.gate on a GPU")
    if reason := records.stale_reason(found[0]):
        pytest.skip(reason)
    usages = [spills.Usage(**kernel) for kernel in found[0]["found"]["kernels"]]
    assert set(spills.ARCHITECTURES) == {usage.arch for usage in usages}
    tuned = [usage for usage in usages if usage.counts]
    assert {policy.name for policy in SHIPPED} == {usage.policy for usage in tuned}
    assert [] == [usage for usage in tuned if usage.spills]


def test_a_comment_is_not_another_kernel() -> None:
    code = "int f() {\n  return 1;  // why\n}\n"
    assert code_of(code) == code_of("// what\nint f() { return 1; }")
    assert code_of(code) != code_of(code.replace("1", "2"))
    assert code_of("f('#include')  # why\n# what", PYTHON_COMMENT) == "f('#include')"
