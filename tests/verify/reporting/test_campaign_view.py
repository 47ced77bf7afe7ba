"""A campaign's view: cells that say what became of each property, stories, the verdict in a line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from persistent_topk.verify.campaign.outcome import Outcome, TargetOutcome, new_outcome
from persistent_topk.verify.judging.trace_difference import TraceDifference
from persistent_topk.verify.properties import CLAIMS, OWN_CLAIM, TRACE_AGREEMENT, promise_of
from persistent_topk.verify.reporting.campaign_view import CampaignView, view_of
from persistent_topk.verify.reporting.terminal import print_campaign
from persistent_topk.verify.reporting.view import Cell, Tone


def judged(name: str, claims: frozenset[str], own: bool = False) -> TargetOutcome:
    target = new_outcome(name, claims, own, on_gpu=False)
    for item in target.properties.values():
        item.cases, item.rows = 4, 9
    return target


@pytest.fixture
def outcome() -> Outcome:
    model = judged("model", CLAIMS["contract"], own=True)
    kernel = judged("kernel", OWN_CLAIM, own=True)
    theirs = judged("a:b", CLAIMS["set"])
    theirs.properties["padding"].rows = 0
    theirs.refused, theirs.refusal, theirs.notes = 2, "k is at most 8", ("slow",)
    for target, name in ((theirs, "nan-first"), (theirs, "short-lengths"), (kernel, "nan-first")):
        item = target.properties[name]
        item.failures, item.summary, item.story = 3, f"{target.name} is wrong", "1 x 2"
    kernel.properties["nan-first"].replay = Path("a b.zip")
    targets = {target.name: target for target in (theirs, model, kernel)}
    return Outcome(7, targets, seconds=2.0, unavailable={"gpu": "no GPU"})


def cell(view: CampaignView, target: str, promise: str) -> Cell:
    headings = [column.heading for column in view.conformance.columns]
    row = next(row for row in view.conformance.rows if row[0].text == promise)
    return row[headings.index(target)]


def test_a_cell_says_what_became_of_a_property(outcome: Outcome) -> None:
    view = view_of(outcome)
    assert cell(view, "a:b", "exact-set") == Cell("holds, 4 cases", Tone.GOOD)
    assert cell(view, "a:b", "short-lengths") == Cell("fails, 3 of 4 cases", Tone.BAD)
    unclaimed = Cell("fails, 3 of 4 cases (not claimed)", Tone.BAD, faint=True)
    assert cell(view, "a:b", "nan-first") == unclaimed
    assert cell(view, "a:b", "padding") == Cell("not run", Tone.DIM)
    assert cell(view, "model", TRACE_AGREEMENT.name) == Cell("the reference", Tone.DIM)
    assert cell(view, "a:b", TRACE_AGREEMENT.name) == Cell("")
    assert view.conformance.rows[0][0] == Cell("exact-set", note=promise_of("exact-set"))


def test_stories_come_target_by_target_claimed_ones_first(outcome: Outcome) -> None:
    view = view_of(outcome)
    titles = [story.title for story in view.stories()]
    assert titles == ["a:b breaks short-lengths", "a:b breaks nan-first", "kernel breaks nan-first"]
    claimed = [story.title for story in view.stories(claimed_only=True)]
    assert claimed == ["a:b breaks short-lengths", "kernel breaks nan-first"]


def test_a_story_ends_with_a_command_for_a_shell(outcome: Outcome) -> None:
    difference = TraceDifference(0, "large", "pass 2", cta=3, field="digit", found=17, expected=18)
    outcome.targets["kernel"].properties["nan-first"].difference = difference
    without, story = view_of(outcome).stories(claimed_only=True)
    assert story.lines() == [
        "kernel is wrong",
        "case: 1 x 2",
        "first stage that differs: large, pass 2",
        "replay: persistent-topk replay 'a b.zip'",
    ]
    assert ("first stage", "large, pass 2") in story.facts()
    assert without.replay == "" and "first stage" not in dict(without.facts())


@pytest.mark.parametrize(
    ("broken", "words", "tone"),
    [
        (True, "mismatch: 0 rows in 0 cases, 2.0 s, seed 7", Tone.BAD),
        (False, "incomplete: 0 rows in 0 cases, 2.0 s, seed 7 (all claims: no case was run)", Tone.WARNING),
    ],
)
def test_the_verdict_is_a_line(outcome: Outcome, broken: bool, words: str, tone: Tone) -> None:
    if not broken:
        for target in outcome.targets.values():
            for item in target.properties.values():
                item.failures = 0
    view = view_of(outcome)
    assert ("".join(part.text for part in view.verdict_line), view.tone) == (words, tone)
    outcome.interrupted = True
    assert view_of(outcome).verdict_line[-1].text.endswith(" (interrupted)")


def test_the_terminal_shows_the_verdict_first_and_last(outcome: Outcome) -> None:
    file = io.StringIO()
    print_campaign(Console(file=file, width=100), view_of(outcome))
    text = file.getvalue()
    places = [
        text.index(words)
        for words in (
            "mismatch: ",
            "a:b breaks short-lengths\n  a:b is wrong\n  case: 1 x 2\n",
            "kernel breaks nan-first",
            "  replay: persistent-topk replay 'a b.zip'\n",
            "Rows by path",
            "Conformance",
            "gpu was not run: no GPU",
            "a:b does not take 2 cases: k is at most 8",
            "a:b: slow",
        )
    ]
    assert places == sorted(places)
    first, *_, last = text.splitlines()
    assert first == last and last.startswith("mismatch: ")
    assert "a:b breaks nan-first" not in text
