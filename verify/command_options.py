"""Options that several commands share."""

from __future__ import annotations

import click

from ..reference.policy import MAX_K

claim_option = click.option(
    "--claim", metavar="CLAIM", help="what the targets promise: contract, set, or a list of properties"
)
device_option = click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="where module:function is given its tensors, such as cuda",
)
seed_option = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
k_option = click.option("--k", metavar="K,...", help="values of k, in place of the campaign's own")


def parse_ks(text: str | None) -> tuple[int, ...]:
    """The values of --k; click.UsageError that says which is none."""
    if text is None:
        return ()
    try:
        ks = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise click.UsageError(f"--k is {text!r}; expected whole numbers with commas between") from error
    outside = [k for k in ks if not 1 <= k <= MAX_K]
    if outside:
        raise click.UsageError(f"--k is {outside[0]}; expected 1 to {MAX_K}")
    return ks
