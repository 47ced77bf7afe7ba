"""persistent-topk verify: the campaign."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from ..verify.reporting.annotations import lines_of, wanted
from ..verify.campaign.campaign import Campaign, Options
from ..verify.cases.captured import UnreadableLogits, captured_cases
from ..verify.cases.case import Case
from .options import (
    Seconds,
    cccl_option,
    claim_option,
    device_option,
    json_option,
    k_option,
    not_under_a_file,
    parse_ks,
    second_oracle_option,
    seed_option,
)
from ..verify.cases.families import FAMILIES
from ..verify.campaign.outcome import ExitCode, Outcome
from ..verify.reporting.page import write_page
from ..verify.properties import parse_claim
from ..verify.reporting.terminal import LiveProgress, junit, print_outcome, terminal
from ..verify.campaign.shard import gathered, merged, one_gpu_a_rank, rank_and_size, seed_of
from ..verify.campaign.state import State, UnusableState, identity_of
from ..verify.targets import Target, TargetMisnamed, TargetUnavailable, resolve

DEFAULT_SECONDS = 60.0
DEFAULT_FAILURES = Path("topk-failures")
DEFAULT_TARGETS = ("model", "emulator")


def prepared(
    names: Sequence[str], claims: frozenset[str] | None, device: str = "cpu"
) -> tuple[list[Target], dict[str, str]]:
    """Targets that can run, and why the others cannot. Without names: our own, on a GPU if there is one.

    Raises click.UsageError for a name that is no target.
    """
    ready: list[Target] = []
    unavailable: dict[str, str] = {}
    for name in dict.fromkeys(names) or DEFAULT_TARGETS:
        try:
            target = resolve(name, claims, device)
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
    """The values of k that all targets take; none where every k will do."""
    limited = [set(target.ks) for target in targets if target.ks is not None]
    return tuple(sorted(set.intersection(*limited))) if limited else ()


def _gpu_is_there() -> bool:
    import torch

    return torch.cuda.is_available()


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
@click.option(
    "--soak", "soaking", is_flag=True,
    help="the kernel on a GPU by the million rows, in stages that go on; see persistent-topk soak",
)  # fmt: skip
@second_oracle_option
@cccl_option
@click.pass_context
def command(
    context: click.Context,
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
    soaking: bool,
    oracle: str | None,
    headers: Path | None,
) -> int:
    """Puts targets through the contract, case by case, and says which promises they break.

    Without --target: our own model and kernel (emulated, and on the GPU if there is one), against the
    oracle and against each other, stage by stage.
    """
    if soaking:
        return soaked(context)
    check_no_soak(oracle, headers)
    check_budget(seconds, cases)
    check_folders(failures, state_folder)
    check_families(families)
    one_gpu_a_rank()
    claims = parse_claims(claim)
    ks = parse_ks(k)
    captured = _captured(logits, ks)
    ready, unavailable = prepared(targets, claims, device)
    for name, why in unavailable.items():
        click.echo(f"cannot run {name} here: {why}", err=True)
    if unavailable:
        return ExitCode.CANNOT_RUN
    rank, size = rank_and_size()
    state = None if state_folder is None else opened_state(state_folder, ready)
    options = Options(
        seed=seed_of(seed, rank),
        seconds=None if cases else seconds or DEFAULT_SECONDS,
        cases=cases,
        ks=ks or shared_ks(ready),
        captured=captured,
        failures=failures or report_folder or DEFAULT_FAILURES,
        families=families,
    )
    if state is not None:
        options.seed, options.failures, options.state = state.seed(options.seed), state.failures, state
    outcome = run(ready, options)
    if size > 1:
        outcomes = gathered(outcome)
        if not outcomes:
            return ExitCode.AGREE  # rank 0 has it, and tells the verdict
        outcome = merged(outcomes)
    print_outcome(terminal(), outcome)
    for line in lines_of(outcome) if wanted() else ():
        click.echo(line)
    return write(outcome, json_file, junit_file, report_folder)


def check_no_soak(oracle: str | None, headers: Path | None) -> None:
    """A campaign has no second oracle; click.UsageError where one is given."""
    for name, value in (("--second-oracle", oracle), ("--cccl", headers)):
        if value is not None:
            raise click.UsageError(f"{name} is {value}, which is for --soak; add that, or leave it out")


def check_budget(seconds: float | None, cases: int | None) -> None:
    """A campaign ends by the clock or by a number of cases; click.UsageError where both are given."""
    if seconds is not None and cases is not None:
        raise click.UsageError("--seconds and --cases exclude each other; give one")


def check_folders(failures: Path | None, state_folder: Path | None) -> None:
    """Failures have one place; click.UsageError where two are given."""
    if failures is not None and state_folder is not None:
        raise click.UsageError("--failures and --state exclude each other; a state keeps failures of its own")


def check_families(families: Sequence[str]) -> None:
    """click.UsageError for a name that is no family's."""
    unknown = [name for name in families if name not in FAMILIES]
    if unknown:
        raise click.UsageError(f"--family is {unknown[0]!r}; expected one of {', '.join(FAMILIES)}")


def soaked(context: click.Context) -> int:
    """The stages of persistent-topk soak in place of a campaign; its exit code. Raises click.UsageError."""
    from .soak import in_place_of_campaign

    defaulted = click.core.ParameterSource.DEFAULT
    given = {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is not defaulted
    }
    names = {str(option.name): option.opts[0] for option in context.command.params}
    return in_place_of_campaign(given, names)


def opened_state(folder: Path, targets: Sequence[Target]) -> State:
    """The state in a folder, or in this rank's folder there; click.UsageError where it cannot be used."""
    rank, size = rank_and_size()
    of_rank = folder if size == 1 else folder / f"rank-{rank}"
    try:
        return State(of_rank, identity_of(targets, rank, size))
    except UnusableState as error:
        raise click.UsageError(str(error)) from error


def parse_claims(text: str | None) -> frozenset[str] | None:
    """The properties of --claim, or None where each target's own claims count."""
    try:
        return None if text is None else parse_claim(text)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _captured(files: Sequence[Path], ks: tuple[int, ...]) -> list[Case]:
    try:
        return [case for file in files for case in captured_cases(file, ks)]
    except UnreadableLogits as error:
        raise click.UsageError(str(error)) from error


def run(targets: Sequence[Target], options: Options) -> Outcome:
    """The campaign, with its progress shown."""
    try:
        with LiveProgress(terminal()) as progress:
            return Campaign(targets, options, progress).run()
    finally:
        for target in targets:
            target.close()


def write(
    outcome: Outcome, json_file: Path | None, junit_file: Path | None = None, report: Path | None = None
) -> int:
    """The result's files, where asked for, whichever of them cannot be written; the exit code."""

    def write_json(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(outcome.as_json(), indent=1) + "\n")

    def write_report(folder: Path) -> None:
        click.echo(f"report: {write_page(outcome, folder)}")

    code = outcome.exit_code
    for path, written in (
        (json_file, write_json),
        (junit_file, partial(junit, outcome)),
        (report, write_report),
    ):
        try:
            if path is not None:
                written(path)
        except OSError as error:
            click.echo(f"{path} was not written: {error.strerror}", err=True)
            code = code or ExitCode.FAULT
    return code
