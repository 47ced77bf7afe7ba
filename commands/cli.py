"""persistent-topk: the command line. Each command is a file in this folder, found by its name."""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
from typing import NoReturn

import click

from .. import __version__
from ..exit_code import ExitCode
from ..extras import MissingExtra, advised
from ..long_work import LOGGER

# The first sentence of each command's help. The list repeats them here since importing all commands is slow.
COMMANDS = {
    "bench": "Times the kernel on this machine's GPU, beside other kernels.",
    "conform": "Measures which properties each target has, and prints them as a table.",
    "doctor": "Lists compilers, GPU and packages, and what needs those that are missing.",
    "explain": "Shows how one row is selected, stage by stage.",
    "mutants": "Builds each mutant of the kernel and shows what killed it, and how fast.",
    "plan": "Shows how a call is laid over a device: who takes each row.",
    "replay": "Runs a saved failure again: the same bytes, the same schedules.",
    "soak": "Verifies a million rows on a GPU, which makes and judges them.",
    "verify": "Checks targets against the contract, case by case.",
}


class CommandFiles(click.Group):
    """Offers the `command` of commands/NAME.py as NAME, and imports it only when it is used."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f".{name}", __package__).command
        return found

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=CommandFiles, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="persistent-topk")
def group() -> None:
    """Checks top-k kernels against an exact oracle, and times and explains this project's own."""


class ToStderr(logging.Handler):
    """The package's log beside a command's results."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line a message, on whatever stderr is now."""
        click.echo(self.format(record), err=True)


def show_log() -> None:
    """Has what takes long say so on stderr."""
    if not any(isinstance(handler, ToStderr) for handler in LOGGER.handlers):
        LOGGER.addHandler(ToStderr())
    LOGGER.setLevel(logging.INFO)


def run(command: click.Command, name: str, arguments: list[str] | None = None) -> NoReturn:
    """Runs a command line that is called `name` and exits with what it returns, an ExitCode; USAGE,
    INTERRUPTED or FAULT where it raises."""
    show_log()
    try:
        with advised():
            code = command.main(arguments, prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = ExitCode.INTERRUPTED
    except MissingExtra as error:
        click.echo(f"the command cannot run: {error}", err=True)
        code = ExitCode.CANNOT_RUN
    except OSError as error:
        click.echo(f"the command stopped: {error}", err=True)
        code = ExitCode.FAULT
    except Exception:  # else it would exit with 1, as if a target had broken a promise
        traceback.print_exc()
        click.echo("this is a fault of persistent-topk, not of a target; please report it", err=True)
        code = ExitCode.FAULT
    sys.exit(int(code or 0))


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs persistent-topk and exits: 0 agree, 1 mismatch, 2 bad usage, 3 cannot run here, 4 incomplete,
    70 a fault of the checker's or of what it writes to, 130 interrupted."""
    run(group, "persistent-topk", arguments)


if __name__ == "__main__":
    main()
