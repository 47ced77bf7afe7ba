"""persistent-topk replay: runs a saved failure again."""

from __future__ import annotations

from pathlib import Path

import click

from ..exit_code import ExitCode
from .options import device_option


@click.command("replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--target", help="run the case on this target [default: the one that failed]")
@device_option
def command(file: Path, target: str | None, device: str) -> int:
    """Runs a saved failure again: the same bytes, the same schedules.

    FILE is one that verify wrote to topk-failures/. The exit code is 1 if the target fails again and 0 if the
    property holds now.
    """
    from ..verify.failures.replay import DamagedFile, load
    from ..verify.judging.describe import case_in_words
    from ..verify.judging.examination import check_one
    from ..verify.printable import printable
    from ..verify.targets import TargetMisnamed, TargetUnavailable, resolve

    try:
        failure = load(file)
    except DamagedFile as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"case:     {case_in_words(failure.case)}")
    click.echo(f"origin:   {printable(str(failure.case.origin))}")
    click.echo(f"property: {failure.promise}")
    click.echo(f"then:     {printable(failure.message)}")
    same = target is None or target == failure.target
    try:
        found = resolve(target or failure.target, frozenset(failure.claims) if same else None, device)
        found.prepare()
    except TargetMisnamed as error:
        raise click.UsageError(str(error)) from error
    except TargetUnavailable as error:
        click.echo(f"cannot run here: {error}", err=True)
        return ExitCode.CANNOT_RUN
    try:
        measurement = check_one(found, failure.case, failure.promise, failure.schedules)
    finally:
        found.close()
    if measurement is None or not (measurement.rows or measurement.broken):
        click.echo(f"now:      {found.name} was not judged on {failure.promise}")
        return ExitCode.INCOMPLETE
    if measurement.broken:
        click.echo(f"now:      {found.name} fails: {measurement.broken}")
        return ExitCode.MISMATCH
    click.echo(f"now:      {found.name} holds")
    return ExitCode.AGREE
