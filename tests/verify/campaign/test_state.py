"""The state of a long campaign: runs add up, kills do no harm, what does not fit is refused."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wrong_topk
from click.testing import CliRunner, Result
from clocks import HANG_SECONDS
from filelock import FileLock
from places import SHARED

from persistent_topk.commands.cli import group, main
from persistent_topk.exit_code import ExitCode
from persistent_topk.verify.campaign import budget
from persistent_topk.verify.campaign import campaign as campaign_module
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.outcome import Outcome
from persistent_topk.verify.campaign.state import RUN_SEEDS, State, UnusableState, identity_of
from persistent_topk.verify.failures.replay import load
from persistent_topk.verify.properties import CLAIMS
from persistent_topk.verify.targets.function import FunctionTarget

KILLS = 8
CASES = 20


def target(function=wrong_topk.last_column_ties, claims: str = "contract") -> FunctionTarget:  # type: ignore[no-untyped-def]
    return FunctionTarget("mine", function, CLAIMS[claims])


def run(folder: Path, examined: FunctionTarget, cases: int = CASES) -> Outcome:
    state = State(folder, identity_of([examined]))
    options = Options(seed=state.seed(3), seconds=None, cases=cases, failures=state.failures, state=state)
    try:
        return Campaign([examined], options).run()
    finally:
        state.close()


@pytest.fixture(autouse=True, scope="module")
def nothing_is_shrunk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "SHRINK_SECONDS", 0.0)
        yield


class Recorder(FunctionTarget):
    """Notes the cases that it is given and takes none."""

    def __init__(self) -> None:
        super().__init__("mine", wrong_topk.correct)
        self.seen: list[str] = []

    def refuses(self, case):  # type: ignore[no-untyped-def]
        if case.origin.family != "recipe":  # each search begins with the simplest
            self.seen.append(f"{case.origin} {case.digest()}")
        return "recorded only"


def test_counts_add_up_and_failures_are_told_again(tmp_path: Path) -> None:
    first = run(tmp_path, target())
    second = run(tmp_path, target())
    item, again = (o.targets["mine"].properties["lowest-column-ties"] for o in (first, second))
    assert (first.coverage.cases, second.coverage.cases) == (CASES, 2 * CASES)
    assert second.coverage.rows > first.coverage.rows
    assert sum(second.coverage.families.values()) == 2 * CASES
    assert again.cases > item.cases and again.failures >= item.failures >= 1
    assert second.seconds > first.seconds
    assert again.replay is not None and load(again.replay).promise == "lowest-column-ties"
    third = run(tmp_path, target(), cases=1)  # one case, and all that was known
    assert third.targets["mine"].failing() == second.targets["mine"].failing()
    assert third.targets["mine"].properties["lowest-column-ties"].story == again.story
    assert third.exit_code is ExitCode.MISMATCH


def test_no_run_repeats_the_cases_of_another(tmp_path: Path) -> None:
    runs = []
    for _ in range(3):
        recorder = Recorder()
        run(tmp_path, recorder, 2 * CASES)
        runs.append(set(recorder.seen))
        assert len(runs[-1]) == len(recorder.seen) >= CASES
    assert not (runs[0] & runs[1] or runs[0] & runs[2] or runs[1] & runs[2])


def test_a_failing_recipe_is_kept_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign_module, "first_cases", lambda *_: ())
    examined = target(wrong_topk.twice_the_same)
    state = State(tmp_path, identity_of([examined]))
    options = Options(seed=1, seconds=None, cases=120, failures=state.failures, state=state)
    campaign = Campaign([examined], options)
    campaign._scales, campaign._ladders = [], []  # recipes alone
    found = campaign.run()
    state.close()
    assert "in-range-unique" in found.targets["mine"].failing()
    assert any(path.is_file() for path in (tmp_path / "recipes").rglob("*"))
    again = run(tmp_path, examined, cases=12)
    assert again.coverage.families["recipe"] > found.coverage.families["recipe"]


def test_kills_at_any_moment_lose_no_failure_and_spoil_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    command = [sys.executable, str(SHARED / "killed_campaigns.py"), str(folder), str(KILLS), str(os.getpid())]
    environment = {**os.environ, "PYTHONPATH": str(SHARED)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=True
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told[0]["runs"] < told[-1]["runs"], "no campaign lived long enough to begin"
    for before, after in itertools.pairwise(told):
        assert after["runs"] >= before["runs"]  # some are killed before they begin
        assert after["cases"] >= before["cases"] and after["rows"] >= before["rows"]
        assert set(before["failing"]) <= set(after["failing"])
    assert all(load(Path(replay)).promise for replay in told[-1]["replays"])
    last = run(folder, FunctionTarget("last_column_ties", wrong_topk.last_column_ties))
    assert last.coverage.cases == told[-1]["cases"] + CASES
    assert {"lowest-column-ties", *told[-1]["failing"]} <= set(last.targets["last_column_ties"].failing())


def test_a_failure_saved_but_not_counted_is_counted_by_the_next_run(tmp_path: Path) -> None:
    outcome = run(tmp_path, target())
    empty = State(tmp_path / "other", identity_of([target()]))
    empty.close()
    saved = outcome.targets["mine"].properties["lowest-column-ties"].replay
    assert saved is not None
    (tmp_path / "other" / "failures").mkdir()
    (tmp_path / "other" / "failures" / saved.name).write_bytes(saved.read_bytes())
    resumed = run(tmp_path / "other", target(), cases=1)
    assert "lowest-column-ties" in resumed.targets["mine"].failing()


def damage(change: Callable[[dict], object]) -> Callable[[Path], None]:  # type: ignore[type-arg]
    """Alters state.json's document, and nothing else."""

    def altered(folder: Path) -> None:
        document = json.loads((folder / "state.json").read_text())
        change(document)
        (folder / "state.json").write_text(json.dumps(document))

    return altered


def cut(share: float) -> Callable[[Path], None]:
    def altered(folder: Path) -> None:
        content = (folder / "state.json").read_bytes()
        (folder / "state.json").write_bytes(content[: int(share * len(content))])

    return altered


def first_failure(folder: Path) -> Path:
    return next((folder / "failures").glob("*.zip"))


def in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (cut(0.0), "state.json is damaged"),
    "cut": (cut(0.7), "state.json is damaged"),
    "a count": (damage(lambda d: d["body"]["outcome"].update(seconds=1.5)), "its hash is another"),
    "no body": (damage(lambda d: d.pop("body")), "state.json is damaged"),
    "version": (damage(lambda d: d.update(version=99)), "version 99; expected"),
    "format": (damage(lambda d: d.update(format="other")), "'other'"),
    "failure": (lambda folder: first_failure(folder).write_bytes(b"PK"), "a failure is damaged"),
    "no failure": (lambda folder: first_failure(folder).unlink(), "a failure is damaged"),
    "a folder": (lambda folder: in_its_place(folder / "state.json"), "state.json is damaged"),
    "no state": (lambda folder: (folder / "state.json").unlink(), "and no state.json"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a campaign that broke a promise."""
    folder = tmp_path_factory.mktemp("whole")
    run(folder, target(), cases=20)
    return folder


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_state_is_refused_and_left_as_it_is(name: str, whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "damaged")
    change, words = DAMAGES[name]
    change(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UnusableState, match=words):
        State(folder, identity_of([target()]))
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_other_things_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UnusableState, match="holds 'thesis.txt'"):
        State(tmp_path, identity_of([target()]))
    assert ["thesis.txt"] == [path.name for path in tmp_path.iterdir()]


def test_any_flipped_byte_is_refused_or_makes_no_difference(tmp_path: Path) -> None:
    run(tmp_path, target(), cases=4)
    path = tmp_path / "state.json"
    content = path.read_bytes()
    for place in random.Random(5).sample(range(len(content)), 150):
        flipped = bytearray(content)
        flipped[place] ^= 0x11
        path.write_bytes(flipped)
        try:
            State(tmp_path, identity_of([target()])).close()
        except UnusableState:
            continue
        assert json.loads(flipped)["body"] == json.loads(content)["body"], chr(content[place])


def test_another_campaign_is_refused(tmp_path: Path) -> None:
    State(tmp_path, identity_of([target()])).close()
    other = FunctionTarget("other", wrong_topk.correct)
    elsewhere = FunctionTarget("mine", run)  # type: ignore[arg-type]
    for examined, words in (
        ([other], "was made for mine; this run is of other"),
        ([target(claims="set")], "was made for other claims of mine: ascending-order"),
        ([elsewhere], "was made for mine as source"),
    ):
        with pytest.raises(UnusableState, match=words):
            State(tmp_path, identity_of(examined))
    with pytest.raises(UnusableState, match="was made by process 0 of 1; this is process 1 of 2"):
        State(tmp_path, identity_of([target()], 1, 2))
    State(tmp_path, identity_of([target()])).close()


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    first = State(tmp_path, identity_of([target()]))
    with pytest.raises(UnusableState, match="in use by another run"):
        State(tmp_path, identity_of([target()]))
    first.close()
    assert State(tmp_path, identity_of([target()])).seed(7) == 7 + RUN_SEEDS


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "no locks"), NotImplementedError("no flock")])
def test_a_file_system_without_locks_is_warned_of(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(lock: FileLock) -> None:
        raise error

    monkeypatch.setattr(FileLock, "acquire", refused)
    with pytest.warns(UserWarning, match=r"has no locks .*no f?locks?.; let one run at a time"):
        run(tmp_path, target(), cases=1)
    monkeypatch.undo()
    assert 2 == run(tmp_path, target(), cases=1).coverage.cases


def test_the_command_line_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(SHARED)
    common = ("verify", "--target", "wrong_topk:by_value", "--family", "contents", "--state", "kept")

    def told(*more: str) -> Result:
        return CliRunner().invoke(
            group, [*common, "--cases", "6", "--json", "o.json", *more], standalone_mode=False
        )

    for cases in (6, 12):
        found = told()
        assert found.return_value == ExitCode.MISMATCH, found.output
        assert "breaks ascending-order" in found.output
        assert json.loads(Path("o.json").read_text())["cases"] == cases
    both_given = "are both given; expected one of them"
    for more, words in ((("--claim", "set"), "other claims"), (("--failures", "x"), both_given)):
        with pytest.raises(SystemExit) as left:
            main([*common, *more])
        assert left.value.code == ExitCode.USAGE, words
    Path("file").write_text("")
    with pytest.raises(SystemExit) as left:
        main(["verify", "--target", "model", "--state", "file"])
    assert left.value.code == ExitCode.USAGE
