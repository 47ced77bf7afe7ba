"""The terminal: what is there to be copied stays on its line, the verdict comes first and last."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from persistent_topk.verify.campaign.outcome import Outcome, new_outcome
from persistent_topk.verify.judging.faults import Fault
from persistent_topk.verify.judging.measurement import Evidence, Measurement
from persistent_topk.verify.properties import CLAIMS, OWN_CLAIM
from persistent_topk.verify.reporting.campaign_view import view_of
from persistent_topk.verify.reporting.progress import LiveProgress
from persistent_topk.verify.reporting.terminal import print_campaign, print_line

NARROW = 80
LONG = "a/folder/with/a/rather/long/name/topk-failures/my-kernel-topk-exact-set-586aba58.zip"
FOUND = "row 0 (length 1, k 1): " + "slot 0 holds the padding, -1, where a column is due; " * 3
BROKEN = ("exact-set", "in-range-unique")


def outcome_of(name: str, own: bool = False, broken: tuple[str, ...] = BROKEN) -> Outcome:
    target = new_outcome(name, OWN_CLAIM if own else CLAIMS["set"], own, on_gpu=False)
    for item in target.properties.values():
        item.cases, item.rows = 4, 9
    for promise in broken:
        item = target.properties[promise]
        item.failures, item.summary, item.story = 3, FOUND, "1 x 1, k 1; length 1: 1 x -inf"
        item.cause, item.replay = Fault.PADDING.value, Path(LONG)
        item.evidence = Evidence("printed \x1b[31mhere", "Traceback ...\n  in topk")
    outcome = Outcome(3, {name: target})
    outcome.coverage.paths["decode"] = 7
    outcome.coverage.cases = 4
    return outcome


def printed(outcome: Outcome, terminal: bool = True, **how: bool) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=NARROW, force_terminal=terminal, color_system=None)
    print_campaign(console, view_of(outcome), **how)
    return file.getvalue().splitlines()


@pytest.mark.parametrize("terminal", [True, False])
def test_commands_stories_and_verdicts_are_never_wrapped(terminal: bool) -> None:
    lines = printed(outcome_of("my_kernel:topk"), terminal)
    assert f"  replay: persistent-topk replay {LONG}" in lines
    assert f"  {FOUND}" in lines
    assert lines[0] == lines[-1] and lines[0].startswith("mismatch: 0 rows in 4 cases")


def test_what_follows_from_a_cause_is_a_line() -> None:
    lines = printed(outcome_of("my_kernel:topk"))
    assert [line for line in lines if " breaks " in line] == ["my_kernel:topk breaks exact-set"]
    assert "  also breaks: in-range-unique" in lines


def test_stories_come_before_tables() -> None:
    lines = printed(outcome_of("my_kernel:topk"))
    assert lines.index("my_kernel:topk breaks exact-set") < next(
        number for number, line in enumerate(lines) if line.startswith("Conformance")
    )


@pytest.mark.parametrize(
    ("own", "details", "titles"),
    [
        (False, False, ["Conformance"]),
        (True, False, ["Rows by path", "Conformance"]),
        (False, True, ["Rows by path", "Conformance"]),
    ],
)
def test_our_own_paths_are_shown_of_ours_or_when_asked_for(
    own: bool, details: bool, titles: list[str]
) -> None:
    lines = printed(outcome_of("model" if own else "my_kernel:topk", own), details=details)
    known = ("Rows by path", "Conformance")
    assert titles == [title for line in lines for title in known if line.startswith(title)]


def test_what_was_printed_is_shown_and_a_traceback_when_asked_for() -> None:
    lines = printed(outcome_of("my_kernel:topk"))
    assert "    printed ?[31mhere" in lines and "  --traceback shows the whole of the exception" in lines
    assert "Traceback" not in "\n".join(lines)
    lines = printed(outcome_of("my_kernel:topk"), traceback=True)
    assert "    Traceback ..." in lines and "      in topk" in lines


def test_a_line_is_printed_unbroken() -> None:
    file = io.StringIO()
    print_line(Console(file=file, width=NARROW), Text("word " * 40))
    assert 1 == file.getvalue().count("\n")


@pytest.mark.parametrize("quiet", [False, True])
def test_what_breaks_is_printed_at_once_on_a_line(quiet: bool) -> None:
    file = io.StringIO()
    with LiveProgress(Console(file=file, width=NARROW), quiet) as progress:
        progress.broken("my_kernel:topk", Measurement("exact-set", 1, FOUND))
        told = file.getvalue()
    assert told == ("" if quiet else f"exact-set of my_kernel:topk is broken: {FOUND.rstrip()} \n")
