"""The campaign of a command: prepares targets, shows progress, writes the result's files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click

from .. import whole_file
from ..exit_code import ExitCode
from ..long_work import long_work
from ..verify.campaign.campaign import Campaign, Options
from ..verify.campaign.merging import merged
from ..verify.campaign.outcome import Outcome
from ..verify.campaign.ranks import gathered, hand_over, meet, rank_and_size, seed_of
from ..verify.campaign.state import State, UnusableState, identity_of
from ..verify.cases.captured import UnreadableLogits, captured_cases
from ..verify.cases.case import Case
from ..verify.cases.families import FAMILIES
from ..verify.reporting.campaign_view import CampaignView, view_of
from ..verify.reporting.github_annotations import lines_of, wanted
from ..verify.reporting.junit import write_junit
from ..verify.reporting.page import write_page
from ..verify.reporting.progress import LiveProgress
from ..verify.reporting.run_facts import RunFacts, facts_of
from ..verify.reporting.step_summary import write_summary
from ..verify.reporting.terminal import print_campaign, print_line, terminal, verdict_on_a_line
from ..verify.start import Started
from ..verify.targets import Target, TargetMisnamed, TargetUnavailable, resolve
from .options import Takes

DEFAULT_TARGETS = ("model", "emulator")


def prepared(
    names: Sequence[str],
    claims: frozenset[str] | None,
    device: str,
    takes: Takes,
    started: Mapping[str, Started] | None = None,
) -> tuple[list[Target], dict[str, str]]:
    """Targets that can run, and for each of the others the reason why it cannot. takes: what the command line
    says of the calls that they take. started: workers of some of them that are on their way.

    Without names: our own targets, and `gpu` if there is a GPU. Raises click.UsageError for a name that does
    not belong to a target.
    """
    ready: list[Target] = []
    unavailable: dict[str, str] = {}
    for name in dict.fromkeys(names) or DEFAULT_TARGETS:
        try:
            worker = (started or {}).get(name)
            target = resolve(name, claims, device, takes.limits, takes.first_calls(), worker)
            with long_work(f"preparing {name}"):
                target.prepare()
        except TargetMisnamed as error:
            raise click.UsageError(str(error)) from error
        except TargetUnavailable as error:
            unavailable[name] = str(error)
        else:
            ready.append(target)
    if not names and _gpu_is_there():
        try:
            on_gpu = resolve("gpu")
            on_gpu.prepare()
            ready.append(on_gpu)
        except TargetUnavailable as error:
            unavailable["gpu"] = str(error)
    return ready, unavailable


def shared_ks(targets: Sequence[Target]) -> tuple[int, ...]:
    """The values of k that all targets take; empty if they take every k."""
    limited = [set(target.ks) for target in targets if target.ks is not None]
    return tuple(sorted(set.intersection(*limited))) if limited else ()


def _gpu_is_there() -> bool:
    import torch

    return torch.cuda.is_available()


def check_families(families: Sequence[str]) -> None:
    """Raises click.UsageError for a name that does not belong to a family."""
    unknown = [name for name in families if name not in FAMILIES]
    if unknown:
        raise click.UsageError(f"--family is {unknown[0]!r}; expected one of {', '.join(FAMILIES)}")


def opened_state(folder: Path, targets: Sequence[Target]) -> State:
    """The state in a folder, or in this rank's subfolder. Raises click.UsageError if it cannot be used."""
    rank, size = rank_and_size()
    of_rank = folder if size == 1 else folder / f"rank-{rank}"
    try:
        return State(of_rank, identity_of(targets, rank, size))
    except UnusableState as error:
        raise click.UsageError(str(error)) from error


def captured(files: Sequence[Path], ks: tuple[int, ...]) -> list[Case]:
    """The cases of captured scores. Raises click.UsageError for a file without scores."""
    try:
        return [case for file in files for case in captured_cases(file, ks)]
    except UnreadableLogits as error:
        raise click.UsageError(str(error)) from error


class Shown(NamedTuple):
    """How much is printed. quiet: the verdict alone. details: our own paths, whoever is examined. traceback:
    the whole of an exception's."""

    quiet: bool = False
    details: bool = False
    traceback: bool = False


def run_ranks(
    ready: Sequence[Target],
    options: Options,
    seed: int,
    state_folder: Path | None,
    facts: RunFacts,
    shown: Shown,
) -> Outcome | None:
    """Runs the campaign over all processes of a launch and prints its tables.

    seed: the user's. facts: of this run. Returns None on every rank but 0, which merges the outcomes. Raises
    click.UsageError for a state folder that cannot be used, and RanksApart where not all processes come.
    """
    store, (rank, _) = meet(), rank_and_size()
    quiet = shown.quiet or rank > 0
    options.seed = seed_of(seed, rank)
    if state_folder is not None:
        state = opened_state(state_folder, ready)
        options.seed, options.failures, options.state = state.seed(options.seed), state.failures, state
    outcome = run(ready, options, quiet)
    if store is not None:
        if rank > 0:
            hand_over(outcome, store)
            return None
        outcome = merged(gathered(outcome, store))
    view = view_of(outcome)
    if shown.quiet:
        print_line(terminal(), verdict_on_a_line(view))
    else:
        print_campaign(terminal(), view, shown.details, shown.traceback)
    if wanted():
        _tell_github(view, facts, outcome.seed)
    return outcome


def _tell_github(view: CampaignView, facts: RunFacts, seed: int) -> None:
    """Annotations on stdout, and the run's summary."""
    for line in lines_of(view, facts):
        click.echo(line)
    try:
        write_summary(view, facts, seed)
    except OSError as error:
        click.echo(f"the step's summary was not written: {error}", err=True)


def run(targets: Sequence[Target], options: Options, quiet: bool = False) -> Outcome:
    """Runs the campaign and shows its progress, and what breaks when it is found."""
    try:
        with LiveProgress(terminal(), quiet) as progress:
            return Campaign(targets, options, progress, progress.broken).run()
    finally:
        for target in targets:
            target.close()
        if options.state is not None:
            options.state.close()


def write(
    outcome: Outcome,
    json_file: Path | None,
    junit_file: Path | None = None,
    report: Path | None = None,
    facts: RunFacts | None = None,
) -> int:
    """Writes the files that were asked for, each even if another fails; returns the exit code. facts: of the
    run, for its report."""

    view = view_of(outcome)

    def write_json(path: Path) -> None:
        whole_file.write_json(path, outcome.as_json())

    def write_report(folder: Path) -> None:
        click.echo(f"report: {write_page(outcome, folder, facts or facts_of())}")

    code = outcome.exit_code
    for path, written in (
        (json_file, write_json),
        (junit_file, partial(write_junit, view)),
        (report, write_report),
    ):
        try:
            if path is not None:
                written(path)
        except OSError as error:
            click.echo(f"{path} was not written: {error.strerror}", err=True)
            code = code or ExitCode.FAULT
    return code
