"""The search by Hypothesis inside a campaign: steered, shrunk, in time, and the same for the same seed."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import wrong_topk
from hypothesis import strategies as st
from quiet_moment import seconds_of

from persistent_topk.verify.campaign import campaign as campaign_module
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.outcome import Outcome
from persistent_topk.verify.campaign.recipe_search import RecipeSearch
from persistent_topk.verify.campaign.steering import measures
from persistent_topk.verify.cases.case import Case, lay_out
from persistent_topk.verify.cases.strategies import PEER_SCOPE, SHORT_ROWS, cases
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.judging.describe import runs_of
from persistent_topk.verify.judging.judge import Expected
from persistent_topk.verify.properties import CLAIMS
from persistent_topk.verify.targets.function import FunctionTarget

EXAMPLES = 120
SEEDS = (11, 12, 13)  # one alone is luck: Hypothesis also draws constants of whatever else is imported
SECONDS = 4.0


def never() -> bool:
    return False


def recipes_alone(function, folder: Path, **options: object) -> Outcome:  # type: ignore[no-untyped-def]
    """A campaign without its families."""
    target = FunctionTarget(function.__name__, function, CLAIMS["contract"])
    campaign = Campaign([target], Options(failures=folder, **options))  # type: ignore[arg-type]
    campaign._scales, campaign._ladders = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(campaign_module, "first_cases", lambda *_: ())
        return campaign.run()


@pytest.mark.parametrize(
    ("function", "promise", "columns"),
    [
        (wrong_topk.last_column_ties, "lowest-column-ties", 4),
        (wrong_topk.zeros_apart, "signed-zero-tie", 4),
        (wrong_topk.truncated_buffer, "exact-set", wrong_topk.BUFFER + 1),
    ],
)
def test_recipes_find_and_shrink_by_themselves(
    function,  # type: ignore[no-untyped-def]
    promise: str,
    columns: int,
    tmp_path: Path,
) -> None:
    for seed in SEEDS:
        outcome = recipes_alone(function, tmp_path, seconds=None, cases=EXAMPLES, seed=seed)
        item = outcome.targets[function.__name__].properties[promise]
        if item.verdict == "fails":
            break
    assert item.verdict == "fails"
    assert outcome.coverage.families == {"recipe": EXAMPLES}
    assert item.story.startswith("1 x ") and item.wrong is not None
    assert item.wrong.n <= columns


def test_a_failing_recipe_is_shrunk_to_a_run_or_two() -> None:
    """By Hypothesis alone, before anything looks at the case itself."""
    seen: list[Case] = []

    def put(case: Case, shrinking: bool) -> tuple[set[tuple[str, str]], dict[str, float]]:
        fails = bool((case.clamped > 40).any())
        if fails:
            seen.append(case)
        return ({("t", "p")} if fails else set()), {}

    search = RecipeSearch(cases(), put)
    search.burst(5, EXAMPLES, (), never)
    search.close()
    smallest = seen[-1]
    assert smallest.rows == 1 and smallest.offset == 0 and smallest.row_stride == smallest.columns
    assert len(runs_of(smallest.bits()[0, : int(smallest.clamped[0])])) == 1
    assert len(seen) < len({case.digest() for case in seen}) + EXAMPLES


def test_known_promises_are_not_shrunk_again() -> None:
    shrinking_seen: list[bool] = []

    def put(case: Case, shrinking: bool) -> tuple[set[tuple[str, str]], dict[str, float]]:
        shrinking_seen.append(shrinking)
        return {("t", "p")}, {}

    search = RecipeSearch(cases(), put)
    search.burst(5, 20, [("t", "p")], never)
    assert not any(shrinking_seen) and len(shrinking_seen) == 20
    search.burst(5, 20, (), never)
    search.close()
    assert any(shrinking_seen)


def test_steering_climbs() -> None:
    """Steered by the size of a number, a search meets greater ones than without."""

    def greatest(steering: bool) -> int:
        seen: list[int] = []

        def put(number: int, shrinking: bool) -> tuple[set[tuple[str, str]], dict[str, float]]:
            seen.append(number)
            return set(), {"size": float(number)} if steering else {}

        search = RecipeSearch(st.integers(0, 10**9).map(lambda n: n ^ (n >> 7)), put)  # type: ignore[arg-type]
        search.burst(3, 200, (), never)
        search.close()
        return max(seen)

    assert greatest(True) >= greatest(False)
    assert greatest(True) > 0.99 * 10**9


def test_what_a_case_is_steered_by() -> None:
    row = bits_of(np.array([0.5, 1.1, 1.1, 1.2, 1.1, 3.0], np.float32))
    found = measures(Expected.of(lay_out([row, row[:2]], 3)))
    assert found == {
        "keys in the threshold bin": 4.0,
        "width of the plateau": 3.0,
        "place of the first tie": pytest.approx(1 / 6),
    }
    assert measures(Expected.of(lay_out([row], 6))) == {}


def test_an_interrupt_and_an_error_come_through() -> None:
    for error in (KeyboardInterrupt(), RuntimeError("planted")):

        def put(case: Case, shrinking: bool, error: BaseException = error) -> object:
            raise error

        search = RecipeSearch(cases(), put)  # type: ignore[arg-type]
        with pytest.raises(type(error)):
            search.burst(1, 10, (), never)
        search.close()


def test_bursts_end_in_time(tmp_path: Path) -> None:
    class Slow(FunctionTarget):
        def call(self, *arguments, **more):  # type: ignore[no-untyped-def]
            time.sleep(0.01)
            return super().call(*arguments, **more)

    target = Slow("greater_only", wrong_topk.greater_only)  # found by either, then shrunk
    limit = 1.1 * SECONDS
    options = Options(seconds=SECONDS, failures=tmp_path)
    assert seconds_of(lambda: Campaign([target], options).run(), limit) < limit


def test_nothing_is_left_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipes_alone(wrong_topk.correct, tmp_path / "failures", seconds=None, cases=20)
    assert list(tmp_path.iterdir()) == []


def test_recipes_reach_long_rows_alone_and_every_named_boundary() -> None:
    seen: set[str] = set()
    longest: list[int] = []

    def put(case: Case, shrinking: bool) -> tuple[set[tuple[str, str]], dict[str, float]]:
        seen.update(str(told).split()[0].rstrip("+-1") for told in case.origin.parameters.values())
        longest.append(case.columns)
        assert case.rows == 1 or case.columns <= SHORT_ROWS + 1 + 37
        return set(), {}

    search = RecipeSearch(cases(PEER_SCOPE), put)
    search.burst(2, 2 * EXAMPLES, (), never)
    search.close()
    assert len(seen) >= 0.7 * len(PEER_SCOPE.boundaries)
    assert max(longest) > 65536
