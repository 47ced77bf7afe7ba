"""JUnit XML of a campaign, as Jenkins' schema junit-10.xsd has it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ...whole_file import write_whole
from .campaign_view import CampaignView, Judgement

FAILURE_TYPE = "broken promise"


def _suite(parent: Element, target: str, judgements: list[Judgement], seconds: float) -> None:
    verdicts = [item.verdict for item in judgements]
    suite = SubElement(
        parent,
        "testsuite",
        name=target,
        tests=str(len(judgements)),
        failures=str(verdicts.count("fails")),
        errors="0",
        skipped=str(verdicts.count("not-run")),
        time=f"{seconds:.3f}",
    )
    for item in judgements:
        test = SubElement(suite, "testcase", classname=target, name=item.promise)
        if item.story is not None:
            failure = SubElement(test, "failure", type=FAILURE_TYPE, message=item.story.found)
            failure.text = "\n".join(item.story.lines()[1:])
        elif item.verdict == "not-run":
            SubElement(test, "skipped", message=item.lacking or "no case judged it")


def junit(view: CampaignView) -> Element:
    """One suite a target, one test case for each property that it claims.

    A campaign puts each case to all targets and judges all properties by it, so its seconds are those of each
    suite, and a test case has none of its own.
    """
    suites = Element("testsuites", name="top-k", time=f"{view.seconds:.3f}")
    for target, judgements in view.judgements.items():
        _suite(suites, target, [item for item in judgements if item.claimed], view.seconds)
    for count in ("tests", "failures", "errors"):
        suites.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    return suites


def write_junit(view: CampaignView, path: Path) -> None:
    """Writes the XML to `path`. Raises OSError where that cannot be."""
    suites = junit(view)
    ElementTree.indent(suites)
    write_whole(path, ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True))
