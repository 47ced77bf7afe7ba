"""Options that several commands share."""

from __future__ import annotations

import functools
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..extras import command_for
from ..verify import settings
from ..verify.properties import parse_claim

if TYPE_CHECKING:
    from ..verify.targets import FirstCalls, TargetLimits

claim_option = click.option(
    "--claim",
    metavar="CLAIM",
    help="the targets' promises: contract, set, selection, or properties with commas between; -PROPERTY "
    "takes one back",
)
device_option = click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="device of the tensors that module:function gets, such as cuda",
)
seed_option = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
cccl_option = click.option(
    "--cccl",
    "headers",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="wheel or folder that has the headers of CUB; --second-oracle cub needs it",
)
k_option = click.option("--k", metavar="K,...", help="values of k to test [default: the campaign's choice]")


class Seconds(click.FloatRange):
    """A finite time above 0."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> float:
        """The number. Raises click.BadParameter unless it is finite and above 0."""
        seconds: float = super().convert(value, param, context)
        if not math.isfinite(seconds):
            self.fail(f"{value} is not finite; expected a number of seconds above 0", param, context)
        return seconds


class Takes(NamedTuple):
    """What the command line says of the targets' calls."""

    limits: TargetLimits
    first_calls: Callable[[], FirstCalls]

    @property
    def stated(self) -> bool:
        """Whether it says anything of their limits."""
        return any(value is not None for value in vars(self.limits).values())


def takes_options(command: Callable[..., int]) -> Callable[..., int]:
    """Adds the options for what targets take; the command is given them as one argument, `takes`."""

    @functools.wraps(command)
    def with_takes(patience: float | None, total_patience: float | None, **given: Any) -> int:
        named = {option.name: given.pop(option.name) for option in settings.LIMIT_OPTIONS}
        return command(takes=_takes(named, patience, total_patience), **given)

    wrapped: Callable[..., int] = with_takes
    for name, help_text in (
        ("--total-patience", "seconds for all slow first calls of a target [600]"),
        ("--patience", "seconds for the first call of a shape, which may compile a kernel [400]"),
    ):
        wrapped = click.option(name, type=Seconds(), help=help_text)(wrapped)
    for option in reversed(settings.LIMIT_OPTIONS):
        form: dict[str, Any] = {"type": option.kind, "metavar": option.metavar}
        if option.kind is bool:
            form = {"is_flag": True, "default": None}
        wrapped = click.option(option.option, option.name, help=option.help, **form)(wrapped)
    return wrapped


def _takes(named: dict[str, Any], patience: float | None, total: float | None) -> Takes:
    from ..verify.targets import FirstCalls
    from ..verify.targets.limits import limits_of

    given = {"patience": patience, "total": total}
    stated = {name: value for name, value in given.items() if value is not None}
    try:
        return Takes(limits_of(named), functools.partial(FirstCalls, **stated))
    except ValueError as error:
        name, _, rest = str(error).partition(" ")
        raise click.UsageError(f"--{name.replace('_', '-')} {rest}") from error


def can_be_written(context: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """A callback of options that name an output: checks before a long run that it can be written at its end.

    Raises click.BadParameter if the path leads through a file, or if nothing can be written there.
    """
    if path is None:
        return None
    whole = path.absolute()
    there = next(part for part in (whole, *whole.parents) if part.exists())
    if there != whole and not there.is_dir():
        raise click.BadParameter(f"{path} cannot be written: {there} is not a folder", context, param)
    try:  # permissions alone do not tell: root has them all, and a mount may be read-only
        if there.is_dir():
            tempfile.TemporaryFile(dir=there).close()
        elif there.is_file():  # opening a pipe is for its one writer
            there.open("ab").close()
    except OSError as error:
        words = f"{path} cannot be written: {there}: {error.strerror}; expected a place to write to"
        raise click.BadParameter(words, context, param) from error
    return path


# An option that names a file to write: can_be_written() is asked first.
written_file = functools.partial(
    click.option, type=click.Path(dir_okay=False, path_type=Path), callback=can_be_written
)
json_option = written_file("--json", "json_file", help="write the result as JSON")


def draw_to(file: Path, draw: Callable[[Path], object]) -> None:
    """Has `draw` write the picture that --plot names.

    Raises click.ClickException without matplotlib, click.UsageError where the picture cannot be written.
    """
    try:
        draw(file)
    except ImportError as error:
        raise click.ClickException(f"--plot needs matplotlib: {command_for('matplotlib')}") from error
    except (OSError, ValueError) as error:  # no such place, no such format
        raise click.UsageError(f"--plot is {file}: {error}") from error


def parse_ks(text: str | None) -> tuple[int, ...]:
    """The values of --k. Raises click.UsageError that names the wrong one."""
    try:
        return settings.parse_ks(text)
    except ValueError as error:
        raise click.UsageError(f"--k is {error}") from error


def parse_claims(text: str | None) -> frozenset[str] | None:
    """The properties of --claim; None without it, which stands for each target's own claims."""
    try:
        return None if text is None else parse_claim(text)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
