"""persistent-topk conform: the conformance table."""

from __future__ import annotations

from pathlib import Path

import click

from ..exit_code import ExitCode
from .options import (
    Seconds,
    Takes,
    claim_option,
    device_option,
    json_option,
    k_option,
    parse_claims,
    parse_ks,
    seed_option,
    takes_options,
)

DEFAULT_SECONDS = 20.0


@click.command("conform")
@click.argument("targets", nargs=-1, required=True, metavar="T...")
@claim_option
@device_option
@click.option("--seconds", type=Seconds(), default=DEFAULT_SECONDS, show_default=True)
@seed_option
@k_option
@takes_options
@json_option
def command(
    targets: tuple[str, ...],
    claim: str | None,
    device: str,
    seconds: float,
    seed: int,
    k: str | None,
    takes: Takes,
    json_file: Path | None,
) -> int:
    """Measures which properties each target has, and prints them as a table.

    T is module:function or the name of an adapter. A target that cannot run on this machine is named, and the
    others are measured.
    """
    claims, ks = parse_claims(claim), parse_ks(k)
    from ..verify.campaign.campaign import Options
    from ..verify.reporting.campaign_view import view_of
    from ..verify.reporting.terminal import drawn, styled, terminal
    from .campaign_run import prepared, run, shared_ks, write

    ready, unavailable = prepared(targets, claims, device, takes)
    for name, why in unavailable.items():
        click.echo(f"{name} was not run: {why}", err=True)
    if not ready:
        return ExitCode.CANNOT_RUN
    outcome = run(ready, Options(seed=seed, seconds=seconds, ks=ks or shared_ks(ready)))
    outcome.unavailable = unavailable
    view, console = view_of(outcome), terminal()
    console.print(drawn(view.conformance))
    console.print(styled(*view.verdict_line), soft_wrap=True)
    return write(outcome, json_file)
