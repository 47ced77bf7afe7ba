"""persistent-topk verify: the campaign."""

from __future__ import annotations

from pathlib import Path

import click

from ..exit_code import ExitCode
from .options import (
    Seconds,
    claim_option,
    device_option,
    json_option,
    k_option,
    not_under_a_file,
    parse_claims,
    parse_ks,
    seed_option,
)

DEFAULT_SECONDS = 60.0
DEFAULT_FAILURES = Path("topk-failures")


@click.command("verify")
@click.option("--target", "targets", multiple=True, metavar="T", help="module:function, or an adapter's name")
@claim_option
@device_option
@click.option("--seconds", type=Seconds(), help="time budget [default: 60]")
@click.option("--cases", type=click.IntRange(min=1), help="number of cases, in place of --seconds")
@seed_option
@k_option
@click.option(
    "--logits", "logits", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="captured scores (.npy, .safetensors, .pt) as further cases",
)  # fmt: skip
@click.option(
    "--family", "families", multiple=True, metavar="NAME",
    help="only cases of this family, which may not judge all that is claimed: exit code 4, or --claim less",
)  # fmt: skip
@json_option
@click.option(
    "--junit", "junit_file", type=click.Path(dir_okay=False, path_type=Path), callback=not_under_a_file,
    help="write the result as JUnit XML",
)  # fmt: skip
@click.option(
    "--report", "report_folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    callback=not_under_a_file,
    help="write one self-contained HTML page, and the failures beside it",
)  # fmt: skip
@click.option(
    "--failures", type=click.Path(file_okay=False, path_type=Path), callback=not_under_a_file,
    help="folder for replay files [default: topk-failures, or --report's]",
)  # fmt: skip
@click.option(
    "--state", "state_folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="keep counts and failures here, and go on from those of earlier runs, whatever ended them",
)  # fmt: skip
def command(
    targets: tuple[str, ...],
    claim: str | None,
    device: str,
    seconds: float | None,
    cases: int | None,
    seed: int,
    k: str | None,
    logits: tuple[Path, ...],
    families: tuple[str, ...],
    json_file: Path | None,
    junit_file: Path | None,
    report_folder: Path | None,
    failures: Path | None,
    state_folder: Path | None,
) -> int:
    """Puts targets through the contract, case by case.

    It says which promises they break. Without --target: our own model and kernel (emulated, and on the GPU
    if there is one), against the oracle and against each other, stage by stage.
    """
    check_budget(seconds, cases)
    check_folders(failures, state_folder)
    claims, ks = parse_claims(claim), parse_ks(k)
    from ..verify.campaign.campaign import Options
    from ..verify.campaign.shard import one_gpu_a_rank
    from .campaign_run import captured, check_families, prepared, run_ranks, shared_ks, write

    check_families(families)
    one_gpu_a_rank()
    captured_scores = captured(logits, ks)
    ready, unavailable = prepared(targets, claims, device)
    for name, why in unavailable.items():
        click.echo(f"cannot run {name} here: {why}", err=True)
    if unavailable:
        return ExitCode.CANNOT_RUN
    options = Options(
        seconds=None if cases else seconds or DEFAULT_SECONDS,
        cases=cases,
        ks=ks or shared_ks(ready),
        captured=captured_scores,
        failures=failures or report_folder or DEFAULT_FAILURES,
        families=families,
    )
    outcome = run_ranks(ready, options, seed, state_folder)
    if outcome is None:
        return ExitCode.AGREE  # rank 0 has what was found here, and tells the verdict
    return write(outcome, json_file, junit_file, report_folder)


def check_budget(seconds: float | None, cases: int | None) -> None:
    """A campaign ends by the clock or by a number of cases; click.UsageError where both are given."""
    if seconds is not None and cases is not None:
        raise click.UsageError("--seconds and --cases exclude each other; give one")


def check_folders(failures: Path | None, state_folder: Path | None) -> None:
    """Failures have one place; click.UsageError where two are given."""
    if failures is not None and state_folder is not None:
        raise click.UsageError("--failures and --state exclude each other; a state keeps failures of its own")
