"""persistent-topk replay: runs a saved failure again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..exit_code import ExitCode
from .options import device_option, written_file

if TYPE_CHECKING:
    from ..verify.failures.replay import Failure
    from ..verify.targets import Target


NOT_FRESH = (
    ", as it did in a fresh process when the failure was saved: it needs more of the calls before it, "
    "or comes and goes"
)


@click.command("replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--target", help="run the case on this target [default: the one that failed]")
@device_option
@click.option(
    "--python",
    "as_script",
    is_flag=True,
    help="print a Python script that shows the failure without this package",
)
@written_file("--save", "saved", metavar="FILE", help="write the case's tensors to this .safetensors")
@click.option(
    "--in-process", is_flag=True, help="run the target in this process, for pdb, compute-sanitizer or ncu"
)
def command(
    file: Path, target: str | None, device: str, as_script: bool, saved: Path | None, in_process: bool
) -> int:
    """Runs a saved failure again: the same bytes, the same schedules.

    FILE is one that verify wrote to topk-failures/. The exit code is 1 if the target fails again and 0 if the
    property holds now. With --python or --save nothing is run.
    """
    from ..verify.failures.replay import DamagedFile, load
    from ..verify.judging.describe import case_in_words
    from ..verify.printable import printable
    from ..verify.targets import OWN

    try:
        failure = load(file)
    except DamagedFile as error:
        raise click.UsageError(str(error)) from error
    if as_script or saved:
        return _written(failure, file, target, device, as_script, saved)
    own = failure.target in OWN
    click.echo(f"case:     {case_in_words(failure.case, own)}")
    click.echo(f"origin:   {printable(str(failure.case.origin))}")
    click.echo(f"property: {failure.promise}")
    click.echo(f"then:     {printable(failure.message)}")
    for number, call in enumerate(failure.earlier, start=1):
        click.echo(
            f"call {number}:   {case_in_words(call, own)}; the same process answers it before the case"
        )
    return _run_again(failure, target, device, in_process)


def _written(
    failure: Failure, file: Path, target: str | None, device: str, as_script: bool, saved: Path | None
) -> int:
    """Prints the script, and writes the tensors, as asked for; click.UsageError where there is no script."""
    from ..verify.failures.script import NoScript, save_case, script_of

    if saved is not None:
        if saved.suffix != ".safetensors":
            raise click.UsageError(f"--save is {saved}; expected a name that ends in .safetensors")
        save_case(failure, saved)
    if as_script:
        try:
            script = script_of(failure, target or failure.target, device, file.with_suffix(".safetensors"))
        except NoScript as error:
            raise click.UsageError(f"--python: {error}") from error
        click.echo(script, nl=False)
    return ExitCode.AGREE


def _run_again(failure: Failure, target: str | None, device: str, in_process: bool) -> int:
    """The exit code of the failure's call today. Raises click.UsageError for a name that is no target's."""
    from ..verify.judging.examination import answer_before, check_one
    from ..verify.targets import TargetMisnamed, TargetUnavailable

    try:
        found = _prepared(failure, target, device, in_process)
    except TargetMisnamed as error:
        raise click.UsageError(str(error)) from error
    except TargetUnavailable as error:
        click.echo(f"cannot run here: {error}", err=True)
        return ExitCode.CANNOT_RUN
    try:
        answer_before(found, failure.earlier)
        measurement = check_one(found, failure.case, failure.promise, failure.schedules)
    finally:
        found.close()
    if measurement is None or not (measurement.rows or measurement.broken):
        click.echo(f"now:      {found.name} was not judged on {failure.promise}")
        return ExitCode.INCOMPLETE
    if measurement.broken:
        click.echo(f"now:      {found.name} fails: {measurement.broken}")
        return ExitCode.MISMATCH
    click.echo(f"now:      {found.name} holds{'' if failure.fresh else NOT_FRESH}")
    return ExitCode.AGREE


def _prepared(failure: Failure, name: str | None, device: str, in_process: bool) -> Target:
    """The target, with the claims and limits under which it failed, where it is the same one."""
    from ..verify.targets import inside, resolve

    same = name is None or name == failure.target
    claims = frozenset(failure.claims) if same else None
    limits = failure.takes if same else None
    if in_process:
        found = inside(name or failure.target, device, limits)
        found.claims = found.claims if claims is None else claims
    else:
        found = resolve(name or failure.target, claims, device, limits)
    found.prepare()
    return found
