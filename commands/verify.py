"""persistent-topk verify: the campaign, which checks targets against the contract."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from ..exit_code import ExitCode
from ..long_work import long_work
from ..verify.start import start
from .options import (
    Seconds,
    Takes,
    can_be_written,
    claim_option,
    device_option,
    json_option,
    k_option,
    parse_claims,
    parse_ks,
    seed_option,
    takes_options,
    written_file,
)

DEFAULT_SECONDS = 60.0
WORKER = "persistent_topk.verify.targets.worker"  # imports what a target needs while this process does
PROGRAM = "persistent-topk"
MEGABYTE = 1 << 20
DEFAULT_FAILURES = Path("topk-failures")


@click.command("verify")
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="T",
    help="module:function or the name of an adapter; may be repeated",
)
@claim_option
@device_option
@click.option("--seconds", type=Seconds(), help="time of the campaign [default: 60]")
@click.option("--cases", type=click.IntRange(min=1), help="number of cases, instead of a time")
@seed_option
@k_option
@takes_options
@click.option(
    "--logits",
    "logits",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="add captured scores (.npy, .safetensors, .pt) to the cases",
)
@click.option(
    "--family",
    "families",
    multiple=True,
    metavar="NAME",
    help="only cases of this family; exit code 4 if they leave a claimed property unjudged",
)
@click.option(
    "--case-megabytes",
    type=click.IntRange(min=1),
    metavar="N",
    help="logits and indices of one case, at most [256]",
)
@json_option
@written_file("--junit", "junit_file", help="write the result as JUnit XML")
@click.option(
    "--report",
    "report_folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    callback=can_be_written,
    help="write one self-contained HTML page to this folder, with the replay files",
)
@click.option(
    "--failures",
    type=click.Path(file_okay=False, path_type=Path),
    callback=can_be_written,
    help="folder of the replay files [default: that of --report, or topk-failures]",
)
@click.option(
    "--state",
    "state_folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="keep counts and failures in this folder, and resume from those of earlier runs",
)
@click.option("-x", "first_only", is_flag=True, help="stop at the first broken promise, after a short shrink")
@click.option("--traceback", is_flag=True, help="show the whole traceback of a target's exception")
@click.option("-q", "quiet", is_flag=True, help="print the verdict alone, on one line")
@click.option(
    "-v", "details", is_flag=True, help="print what was reached: paths, boundaries, extents, families"
)
def command(
    targets: tuple[str, ...],
    claim: str | None,
    device: str,
    seconds: float | None,
    cases: int | None,
    seed: int,
    k: str | None,
    takes: Takes,
    logits: tuple[Path, ...],
    families: tuple[str, ...],
    case_megabytes: int | None,
    json_file: Path | None,
    junit_file: Path | None,
    report_folder: Path | None,
    failures: Path | None,
    state_folder: Path | None,
    first_only: bool,
    traceback: bool,
    quiet: bool,
    details: bool,
) -> int:
    """Checks targets against the contract, case by case.

    It prints the promises that each target breaks, with the smallest case found. Without --target it checks
    the model and the kernel of this project, emulated and on a GPU if there is one, against the oracle, and
    their stages against each other.
    """
    check_budget(seconds, cases)
    check_folders(failures, state_folder)
    check_takes(targets, takes)
    if quiet and details:
        raise click.UsageError("-q and -v are both given; expected one of them")
    claims, ks = parse_claims(claim), parse_ks(k)
    started = {name: start(WORKER, name, device) for name in dict.fromkeys(targets) if ":" in name}
    with long_work("loading torch"):
        from ..verify.campaign.campaign import Options
        from ..verify.campaign.ladders import CASE_BYTES
        from ..verify.campaign.ranks import RanksApart, one_gpu_a_rank
        from ..verify.reporting.run_facts import facts_of
        from .campaign_run import Shown, captured, check_families, prepared, run_ranks, shared_ks, write

    check_families(families)
    one_gpu_a_rank()
    captured_scores = captured(logits, ks)
    ready, unavailable = prepared(targets, claims, device, takes, started)
    for name, why in unavailable.items():
        click.echo(f"{name} cannot run here: {why}", err=True)
    if unavailable:
        return ExitCode.CANNOT_RUN
    options = Options(
        seconds=None if cases else seconds or DEFAULT_SECONDS,
        cases=cases,
        ks=ks or shared_ks(ready),
        captured=captured_scores,
        failures=failures or report_folder or DEFAULT_FAILURES,
        families=families,
        case_bytes=case_megabytes * MEGABYTE if case_megabytes else CASE_BYTES,
        first_only=first_only,
    )
    facts = facts_of(ready, shlex.join([PROGRAM, *sys.argv[1:]]))
    try:
        shown = Shown(quiet, details, traceback)
        outcome = run_ranks(ready, options, seed, state_folder, facts, shown)
    except RanksApart as error:
        click.echo(str(error), err=True)
        return ExitCode.CANNOT_RUN
    if outcome is None:
        return ExitCode.AGREE  # rank 0 has merged this rank's outcome and prints the verdict
    return write(outcome, json_file, junit_file, report_folder, facts)


def check_budget(seconds: float | None, cases: int | None) -> None:
    """Raises click.UsageError if a campaign is to end both by the clock and by a number of cases."""
    if seconds is not None and cases is not None:
        raise click.UsageError("--seconds and --cases are both given; expected one of them")


def check_takes(targets: tuple[str, ...], takes: Takes) -> None:
    """Ours take all that the contract speaks of; click.UsageError for limits of no target."""
    if takes.stated and not targets:
        raise click.UsageError("limits such as --max-rows are those of a --target; give one")


def check_folders(failures: Path | None, state_folder: Path | None) -> None:
    """Raises click.UsageError if the failures are to go to two places."""
    if failures is not None and state_folder is not None:
        message = "--failures and --state are both given; expected one of them: --state keeps failures too"
        raise click.UsageError(message)
