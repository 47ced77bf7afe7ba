"""The command line: exit codes, one clear line for each mistake, files that others read."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from click.testing import CliRunner, Result
from places import SHARED

from persistent_topk import __version__
from persistent_topk.commands import campaign_run, verify
from persistent_topk.commands.cli import group, main
from persistent_topk.cuda.build import kernel_hash
from persistent_topk.cuda.cache import cache_dir
from persistent_topk.exit_code import ExitCode
from persistent_topk.verify.campaign import budget, campaign
from persistent_topk.verify.campaign.campaign import Options
from persistent_topk.verify.properties import NAMES

QUICK = ("--cases", "30")  # not seconds: a busy machine has to reach the same cases


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(SHARED)


def invoke(*arguments: str) -> Result:
    """The command line in this process; its exit code is `return_value`."""
    return CliRunner().invoke(group, arguments, standalone_mode=False, catch_exceptions=True)


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    return int(str(left.value.code))


def test_quiet_is_one_line_and_the_first_broken_promise_can_be_the_last() -> None:
    found = invoke("verify", "--target", "wrong_topk:by_value", "-x", "-q")
    assert found.return_value == ExitCode.MISMATCH
    (line,) = found.stdout.splitlines()  # on stderr stands what takes long
    assert line.startswith("mismatch: ")


def test_what_was_reached_is_shown_when_asked_for() -> None:
    few = ("verify", "--target", "wrong_topk:by_value", "--cases", "3")
    assert "Rows by path" not in invoke(*few).output
    assert {"Rows by path", "Extents reached", "Cases by family"} <= {
        line.strip() for line in invoke(*few, "-v").output.splitlines()
    }
    assert "-q and -v are both given" in str(invoke(*few, "-q", "-v").exception)


def test_a_correct_target_agrees_and_its_files_say_so() -> None:
    found = invoke(
        "verify", "--target", "wrong_topk:correct", *QUICK, "--json", "out/a.json", "--junit", "out/a.xml"
    )
    assert found.return_value == ExitCode.AGREE, found.output
    told = json.loads(Path("out/a.json").read_text())
    assert (told["schema"], told["verdict"], told["seed"]) == (2, "agree", 0)
    assert told["missing"] == []
    assert told["cases"] > 0 and told["rows"] >= told["cases"] and told["seconds"] > 0
    assert {"trivial", "decode", "medium", "large"} <= set(told["paths"])
    properties = told["targets"]["wrong_topk:correct"]["properties"]
    assert list(properties) == list(NAMES)
    for item in properties.values():
        assert set(item) == {"claimed", "verdict", "cases", "summary", "replay"}
        assert item["claimed"] is True
    assert properties["graph-replay"]["verdict"] == "not-run"
    suite = ElementTree.parse("out/a.xml").getroot().find("testsuite")
    assert suite is not None and suite.get("failures") == "0"


def test_a_mistake_is_told_with_a_line_that_replays_it() -> None:
    found = invoke(
        "verify", "--target", "wrong_topk:last_column_ties", *QUICK, "--json", "a.json", "--junit", "a.xml"
    )
    assert found.return_value == ExitCode.MISMATCH
    assert "breaks lowest-column-ties" in found.output
    assert found.output.rstrip().splitlines()[-1].startswith("mismatch: ")
    told = json.loads(Path("a.json").read_text())
    item = told["targets"]["wrong_topk:last_column_ties"]["properties"]["lowest-column-ties"]
    assert item["verdict"] == "fails" and " missing: " in item["summary"]
    assert ElementTree.parse("a.xml").getroot().find("testsuite/testcase/failure") is not None
    again = invoke("replay", item["replay"])
    assert again.return_value == ExitCode.MISMATCH
    assert item["summary"] in again.output
    other = invoke("replay", item["replay"], "--target", "model")
    assert other.return_value == ExitCode.AGREE, other.output
    assert "model holds" in other.output


def test_a_target_that_breaks_only_what_it_does_not_claim_agrees() -> None:
    found = invoke("verify", "--target", "wrong_topk:correct_set", "--claim", "set", *QUICK)
    assert found.return_value == ExitCode.AGREE, found.output
    assert "not claimed" in found.output


def test_too_few_cases_are_not_agreement() -> None:
    few = ("--cases", "1", "--family", "k-edges", "--json", "a.json")
    found = invoke("verify", "--target", "model", *few)
    assert found.return_value == ExitCode.INCOMPLETE
    assert "no row under a shipped policy took" in found.output
    assert found.output.rstrip().splitlines()[-1].startswith("incomplete: ")
    told = json.loads(Path("a.json").read_text())
    assert told["verdict"] == "incomplete"
    assert {"what": "path spill", "why": "no row under a shipped policy took it"} in told["missing"]


MISUSES = {
    "unknown command": (["verifi"], "verifi"),
    "unknown option": (["verify", "--sedonds", "3"], "--sedonds"),
    "both budgets": (["verify", "--seconds", "1", "--cases", "1"], "are both given; expected one of them"),
    "no number": (["verify", "--seconds", "nan"], "nan is not finite"),
    "no end": (["conform", "torch.topk", "--seconds", "inf"], "inf is not finite"),
    "device": (["verify", "--target", "bad_topk:exits", "--device", "gpu7"], "device is 'gpu7'; expected"),
    "meta": (["verify", "--target", "wrong_topk:correct", "--device", "meta"], "device is 'meta'; expected"),
    "json is a folder": (["verify", "--json", "."], "is a directory"),
    "junit in a file": (["verify", "--junit", "file/a.xml"], "is not a folder"),
    "failures in a file": (["verify", "--failures", "file/a"], "is not a folder"),
    "report in a file": (["verify", "--report", "file/a/b"], "is not a folder"),
    "json on a read-only mount": (["verify", "--json", "/proc/a.json"], "/proc/a.json cannot be written"),
    "failures there": (["verify", "--failures", "/proc"], "/proc cannot be written: /proc: "),
    "report there": (["verify", "--report", "/proc/a/b"], "/proc/a/b cannot be written: /proc: "),
    "plot there": (["explain", "--plot", "/proc/a.png"], "/proc/a.png cannot be written"),
    "table there": (["bench", "--markdown", "/proc/a.md"], "/proc/a.md cannot be written"),
    "no budget": (["verify", "--seconds", "0"], "--seconds"),
    "claim": (["verify", "--claim", "speed"], "claim is 'speed'; expected"),
    "k": (["verify", "--k", "5,x"], "--k is '5,x'; expected whole numbers"),
    "k too large": (["verify", "--k", "5000"], "--k is 5000; expected 1 to 4096"),
    "family": (["verify", "--family", "rows"], "--family is 'rows'; expected one of"),
    "target": (["verify", "--target", "vllm_topk"], "expected module:function or one of"),
    "no function": (["verify", "--target", "wrong_topk:none"], "has no 'none'"),
    "signature": (["verify", "--target", "bad_topk:two_arguments"], "cannot be called as"),
    "no callable": (["verify", "--target", "wrong_topk:BUFFER"], "expected a function"),
    "logits": (["verify", "--logits", "none.npy"], "none.npy is not a file"),
    "replay nothing": (["replay", "none.zip"], "none.zip"),
    "conform nothing": (["conform"], "Missing argument"),
}


@pytest.mark.parametrize("name", MISUSES)
def test_bad_usage_is_told_in_a_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, words = MISUSES[name]
    Path("file").touch()
    assert code_of(*arguments) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told


def test_a_target_that_cannot_be_imported_cannot_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("verify", "--target", "no_such_module:topk") == ExitCode.CANNOT_RUN
    assert "no_such_module" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_not_the_targets_fault(capsys: pytest.CaptureFixture[str]) -> None:
    code = code_of("verify", "--target", "wrong_topk:correct", "--device", "cuda", "--cases", "2")
    assert code == ExitCode.CANNOT_RUN
    assert "device cuda: torch finds 0 GPUs here" in capsys.readouterr().err


def test_one_file_that_cannot_be_written_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(campaign_run, "write_junit", lambda view, path: path.mkdir() or path.write_text(""))
    files = ("--junit", "a.xml", "--json", "a.json", "--report", "page")
    assert code_of("verify", "--target", "wrong_topk:correct", *QUICK, *files) == ExitCode.FAULT
    told = capsys.readouterr()
    assert "agree: " in told.out and "a.xml was not written: Is a directory" in told.err
    assert json.loads(Path("a.json").read_text())["verdict"] == "agree" and list(Path("page").iterdir())


def test_a_fault_of_the_checker_is_no_mismatch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify, "check_budget", lambda seconds, cases: 1 // 0)
    assert code_of("verify") == ExitCode.FAULT
    assert "this is a fault of persistent-topk, not of a target" in capsys.readouterr().err


def test_what_a_target_says_in_colour_does_not_spoil_the_files() -> None:
    claim = ("--claim", "exact-set", "--cases", "3", "--junit", "a.xml")
    found = invoke("verify", "--target", "bad_topk:raises_in_colour", *claim)
    assert found.return_value == ExitCode.MISMATCH and "\x1b" not in found.output
    failure = ElementTree.parse("a.xml").getroot().find("testsuite/testcase/failure")
    assert failure is not None and "kernel ?[31mfailed?? here" in str(failure.get("message"))


def test_damaged_files_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    Path("damaged.zip").write_bytes(b"PK\x03\x04 and then nothing")
    assert code_of("replay", "damaged.zip") == ExitCode.USAGE
    assert "damaged.zip is no failure file" in capsys.readouterr().err


def test_conform_prints_the_table_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    few = partial(Options, cases=30)  # in place of seconds, in which a busy machine does less
    monkeypatch.setattr(campaign, "Options", lambda **given: few(**{**given, "seconds": None}))
    monkeypatch.setattr(budget, "SHRINK_SECONDS", 0.0)
    found = invoke("conform", "torch.topk", "--seconds", "2", "--json", "c.json")
    assert found.return_value == ExitCode.AGREE, found.output
    assert "Conformance" in found.output and "Rows by path" not in found.output
    assert all(len(line) <= 100 for line in found.output.splitlines())
    assert json.loads(Path("c.json").read_text())["targets"]["torch.topk"]


def test_doctor_tells_what_is_here() -> None:
    found = invoke("doctor")
    assert found.return_value == ExitCode.AGREE
    for word in ("torch", "GPU", "nvcc", "emulator"):
        assert word in found.output
    for what in (__version__, kernel_hash(), str(cache_dir())):
        assert what in found.output
    assert re.search(r"\d+ MB\b", found.output)


def has_counted(state: Path) -> bool:
    """Whether a campaign has kept what it counted."""
    return state.is_file() and json.loads(state.read_text())["body"]["outcome"] is not None


def test_an_interrupt_prints_what_was_verified(tmp_path: Path) -> None:
    words = ["--target", "model", "--seconds", "600", "--state", str(tmp_path / "state")]
    process = subprocess.Popen(
        [sys.executable, "-m", "persistent_topk.verify", *words],
        stdout=subprocess.PIPE,
        text=True,
        # A suite that runs in the background ignores the signal, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not has_counted(tmp_path / "state" / "state.json"):
        assert process.poll() is None, "the campaign ended before it counted anything"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate()
    assert process.returncode == ExitCode.INTERRUPTED
    assert "Rows by path" in told and "(interrupted)" in told
