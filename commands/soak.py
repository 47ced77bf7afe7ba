"""persistent-topk soak: rows by the million, on a GPU; also in place of the campaign, by verify --soak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from ..verify.soak.run import Soak, command, run

__all__ = ["command", "in_place_of_campaign"]

# Names of verify's parameters, and of the soak's that they are.
FIELDS = {
    "seconds": "seconds", "seed": "seed", "state_folder": "folder", "oracle": "oracle", "headers": "headers",
    "json_file": "json_file",
}  # fmt: skip


def in_place_of_campaign(given: Mapping[str, Any], names: Mapping[str, str]) -> int:
    """The soak that verify's command line asks for; its exit code.

    given: the values of what was given. names: the options' names, for what a soak does not take:
    click.UsageError.
    """
    others = [name for name in given.get("targets", ()) if name != "gpu"]
    if others:
        raise click.UsageError(f"--soak is for the target gpu; --target is {others[0]!r}")
    refused = [names[name] for name in given if name not in {*FIELDS, "targets", "soaking"}]
    if refused:
        raise click.UsageError(
            f"--soak takes no {', '.join(refused)}; expected a campaign without --soak, or options of "
            "persistent-topk soak"
        )
    return run(replace(Soak(), **{FIELDS[name]: value for name, value in given.items() if name in FIELDS}))
