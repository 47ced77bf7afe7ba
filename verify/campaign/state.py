"""A long campaign's folder: what it counted and found, kept so that a kill at any moment loses little.

    state.json    counts, and which files below belong to them; replaced whole, by a rename
    failures/     a replay file for each broken promise
    recipes/      Hypothesis' database of recipes that fail
    lock          held while a run uses the folder

A run takes a number of its own before its first case, and its seeds follow from that, so that no run
repeats what another did, whether or not the other came to count it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ...whole_file import write_json
from ..cases.case import Case
from ..failures.replay import DamagedFile, Failure, load
from ..judging.measurement import Measurement
from ..targets.target import Target
from .counterexamples import Counterexample, Counterexamples
from .outcome import Outcome
from .state_record import document_of, restore

FORMAT = "persistent-topk state"
VERSION = 1
RUN_SEEDS = 1 << 40  # seeds between two runs; more than any run has cases
KEEP_SECONDS = 1.0  # between two writes of what was counted; failures are written at once
LOCK = "lock"
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # what file systems without them answer
# What a run that was killed before its state was written may have left, this version's or an earlier one's.
FIRST_FILES = (LOCK, "state.json.part", "state.part")
ADVICE = "nothing was changed; give another folder, or delete this one to start again"


class UnusableState(ValueError):
    """The folder is no state of this campaign, or a damaged one; the message says which."""


def identity_of(targets: Sequence[Target], rank: int = 0, ranks: int = 1) -> dict[str, Any]:
    """What must be the same from run to run for counts to add up."""
    return {
        "rank": rank,
        "ranks": ranks,
        "targets": {
            target.name: {
                "claims": sorted(target.claims.intersection(target.promises)),
                "source": target.fingerprint(),
            }
            for target in targets
        },
    }


class State:
    """folder: made if it is not there. identity: see identity_of. Raises UnusableState."""

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self.folder = folder
        self.failures, self.recipes = folder / "failures", folder / "recipes"
        self._identity = identity
        self._kept = float("-inf")
        self._failures_kept = 0
        self._check_kind()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder / LOCK)
        except OSError as error:
            expected = "expected a folder to write to"
            raise UnusableState(f"--state {folder}: {error.strerror}; {expected}") from error
        self._body = self._read()
        self.run = int(self._body["runs"]) if self._body else 0
        self._known = self._load_failures()
        self._write(self.run + 1, self._body.get("outcome"))

    def seed(self, seed: int) -> int:
        """The seed of this run, for one that the user chose."""
        return seed + self.run * RUN_SEEDS

    def resume(self, outcome: Outcome, found: Counterexamples, targets: Sequence[Target]) -> Outcome:
        """`outcome`, fresh, with what the runs before counted and found; their failures are offered to
        `found`, those too that were saved and not yet counted."""
        document = self._body.get("outcome")
        if document is not None:
            try:
                restore(document, outcome, self.failures)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise self._damaged(f"its counts are not whole: {error!r}") from error
        by_name = {target.name: target for target in targets}
        for path, failure in self._known.items():
            if failure.target in by_name:
                _adopt(path, failure, by_name[failure.target], outcome, found)
        self._failures_kept = _failures(outcome)
        return outcome

    def keep(self, outcome: Outcome, now: bool = False) -> bool:
        """Writes what was counted, if it is due: after a while, or at once if a promise was broken that
        was not before. Whether it did."""
        broken = _failures(outcome)
        if not now and broken == self._failures_kept and time.monotonic() - self._kept < KEEP_SECONDS:
            return False
        self._write(self.run + 1, document_of(outcome))
        self._kept, self._failures_kept = time.monotonic(), broken
        return True

    def close(self) -> None:
        """Lets another run have the folder."""
        self._lock.release()

    def _damaged(self, why: str) -> UnusableState:
        return UnusableState(f"--state {self.folder}: state.json is damaged: {why}; {ADVICE}")

    def _check_kind(self) -> None:
        """A folder with somebody's other files is none of ours; told before anything is put there."""
        if not self.folder.is_dir() or (self.folder / "state.json").exists():
            return
        strange = [item.name for item in self.folder.iterdir() if item.name not in FIRST_FILES]
        if strange:
            raise UnusableState(
                f"--state {self.folder} holds {strange[0]!r} and no state.json; expected an empty folder "
                f"or one of an earlier run; {ADVICE}"
            )

    def _read(self) -> dict[str, Any]:
        """The body of state.json, or {} in a folder that holds nothing yet."""
        path = self.folder / "state.json"
        if not path.exists():
            return {}
        try:
            document = json.loads(path.read_bytes())
            kind, version = document["format"], document["version"]
            body, told = document["body"], document["sha256"]
            then, _ = body["identity"], int(body["runs"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(f"{type(error).__name__}: {error}") from error
        if kind != FORMAT or version != VERSION:
            raise UnusableState(
                f"--state {self.folder}: state.json is {kind!r} version {version!r}; expected {FORMAT!r} "
                f"version {VERSION}; {ADVICE}"
            )
        if _digest(body) != told:
            raise self._damaged("its hash is another than it says")
        if then != self._identity:
            raise UnusableState(f"--state {self.folder} {_difference(then, self._identity)}; {ADVICE}")
        return dict(body)

    def _load_failures(self) -> dict[Path, Failure]:
        """Every whole replay file. Raises UnusableState where one that was counted is none."""
        try:
            counted = {
                item["replay"]
                for target in (self._body.get("outcome") or {"targets": {}})["targets"].values()
                for item in target["properties"].values()
                if item["replay"] is not None
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise self._damaged(f"its targets are not whole: {error!r}") from error
        known = {}
        for path in sorted({*self.failures.glob("*.zip"), *(self.failures / name for name in counted)}):
            try:
                known[path] = load(path)
            except (OSError, DamagedFile) as error:
                if path.name in counted:
                    told = f"--state {self.folder}: a failure is damaged: {error}; {ADVICE}"
                    raise UnusableState(told) from error
        return known

    def _write(self, runs: int, outcome: object) -> None:
        body = {"identity": self._identity, "runs": runs, "outcome": outcome}
        document = {"format": FORMAT, "version": VERSION, "sha256": _digest(body), "body": body}
        write_json(self.folder / "state.json", document)


def _locked(path: Path) -> FileLock:
    """The lock, held as long as this process lives: the operating system lets go of it with a killed one."""
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise UnusableState(f"--state {path.parent} is in use by another run; wait for it to end") from error
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise
        warnings.warn(
            f"--state {path.parent}: its file system has no locks ({error}); let one run at a time use it",
            stacklevel=2,
        )
    return lock


def _digest(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _failures(outcome: Outcome) -> int:
    """Promises broken so far."""
    items = (item for target in outcome.targets.values() for item in target.properties.values())
    return sum(bool(item.failures) for item in items)


def _difference(then: dict[str, Any], now: dict[str, Any]) -> str:
    """How the campaign that a folder was made for differs from this one."""
    if (then["rank"], then["ranks"]) != (now["rank"], now["ranks"]):
        places = [f"process {told['rank']} of {told['ranks']}" for told in (then, now)]
        return f"was made by {places[0]}; this is {places[1]}"
    names = sorted(then["targets"]), sorted(now["targets"])
    if names[0] != names[1]:
        return f"was made for {', '.join(names[0])}; this run is of {', '.join(names[1])}"
    for name, before in then["targets"].items():
        after = now["targets"][name]
        if before["claims"] != after["claims"]:
            other = sorted(set(before["claims"]) ^ set(after["claims"]))
            return f"was made for other claims of {name}: {', '.join(other)} differ"
        if before["source"] != after["source"]:
            return f"was made for {name} as {before['source']}; it is {after['source']} now"
    return "was made for another campaign"


def _adopt(path: Path, failure: Failure, target: Target, outcome: Outcome, found: Counterexamples) -> None:
    """Takes a saved failure up again. One that was not counted before its run was killed is counted now,
    unless another of its kind was."""
    item = outcome.targets[target.name].properties.get(failure.promise)
    if item is None or (item.replay is not None and item.replay != path):
        found.obsolete.append(path)
        return
    if item.replay is None:
        _count_once(item, failure.case)
        item.replay, item.summary, item.story = path, failure.message, str(failure.case.origin)
    measurement = Measurement(
        failure.promise,
        failure.case.rows,
        failure.message,
        item.cause,
        difference=item.difference,
        wrong=item.wrong,
    )
    found.found[target.name, failure.promise] = Counterexample(
        target,
        failure.case,
        failure.schedules,
        measurement,
        item,
        failure.earlier,
        fresh=failure.fresh,
        settled=True,
    )


def _count_once(item: Any, case: Case) -> None:
    item.cases, item.rows, item.failures = item.cases + 1, item.rows + case.rows, item.failures + 1
