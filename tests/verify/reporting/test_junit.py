"""JUnit XML: what Jenkins' schema junit-10.xsd requires and allows, and what each verdict becomes."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from persistent_topk.verify.campaign.outcome import Outcome, new_outcome
from persistent_topk.verify.properties import CLAIMS, NAMES
from persistent_topk.verify.reporting.campaign_view import view_of
from persistent_topk.verify.reporting.junit import write_junit

# Of each element of the schema that is written here: required attributes, allowed ones, allowed children.
SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
        {"testcase", "testsuite", "properties", "system-out", "system-err"},
    ),
    "testcase": ({"name"}, {"time", "classname", "group"}, {"skipped", "error", "failure"}),
    "failure": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
}
TIME = re.compile(r"[0-9]*\.[0-9]*")


@pytest.fixture
def suites(tmp_path: Path) -> Element:
    """Of two targets: one breaks a promise that it claims and one that it does not, one was never judged."""
    broken = new_outcome("a:b", CLAIMS["set"], own=False, on_gpu=False)
    for item in broken.properties.values():
        item.cases, item.rows = 4, 9
    for name in ("padding", "nan-first"):
        item = broken.properties[name]
        item.failures, item.summary, item.story, item.replay = 3, "slot 2 is 7", "1 x 2", Path("a b.zip")
    idle = new_outcome("c", CLAIMS["contract"], own=False, on_gpu=False)
    outcome = Outcome(0, {"a:b": broken, "c": idle}, seconds=1234.5)
    write_junit(view_of(outcome), tmp_path / "new" / "a.xml")
    return ElementTree.parse(tmp_path / "new" / "a.xml").getroot()


def test_every_element_is_as_the_schema_has_it(suites: Element) -> None:
    assert {element.tag for element in suites.iter()} == SCHEMA.keys()
    for element in suites.iter():
        required, allowed, children = SCHEMA[element.tag]
        assert required <= set(element.keys()) <= required | allowed, element.tag
        assert {child.tag for child in element} <= children
        assert TIME.fullmatch(element.get("time", "0.0"))


def test_the_sums_are_those_of_the_cases(suites: Element) -> None:
    for suite in suites:
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))
        assert (suite.get("errors"), suite.get("time")) == ("0", "1234.500")
    assert suites.get("tests") == str(len(CLAIMS["set"].intersection(NAMES)) + len(NAMES))
    assert (suites.get("failures"), suites.get("errors"), suites.get("time")) == ("1", "0", "1234.500")


def test_a_failure_has_its_story_and_only_claims_are_cases(suites: Element) -> None:
    case = suites.find("testsuite[@name='a:b']/testcase[@name='padding']")
    assert case is not None and case.get("classname") == "a:b"
    failure = case.find("failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("broken promise", "slot 2 is 7")
    assert failure.text == "case: 1 x 2\nreplay: persistent-topk replay 'a b.zip'"
    assert suites.find("testsuite[@name='a:b']/testcase[@name='nan-first']") is None


def test_what_was_not_judged_is_skipped_and_says_why(suites: Element) -> None:
    why = {
        case.get("name"): skipped.get("message")
        for case in suites.findall("testsuite[@name='c']/testcase")
        for skipped in case.findall("skipped")
    }
    assert why["graph-replay"] == "needs a GPU" and why["padding"] == "no case judged it"
