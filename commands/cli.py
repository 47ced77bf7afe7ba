"""persistent-topk: one command a file of commands/, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback

import click

from .. import __version__
from .. import commands
from ..verify.campaign.outcome import ExitCode


class CommandFiles(click.Group):
    """Offers commands/NAME.py's `command` as NAME, imported when it is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        found: click.Command = importlib.import_module(f"{commands.__name__}.{name}").command
        return found


@click.command(cls=CommandFiles, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="persistent-topk")
def group() -> None:
    """Proves or breaks a top-k: a differential checker with an exact oracle."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits: 0 agree, 1 mismatch, 2 bad usage, 3 cannot run here, 4 nothing
    verified, 70 a fault of the checker's or of what it writes to, 130 interrupted."""
    try:
        code = group.main(arguments, prog_name="persistent-topk", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = ExitCode.INTERRUPTED
    except OSError as error:
        click.echo(f"cannot go on: {error}", err=True)
        code = ExitCode.FAULT
    except Exception:  # which would exit with 1, as if a target had broken a promise
        traceback.print_exc()
        click.echo("a fault of persistent-topk itself, not of a target; please report it", err=True)
        code = ExitCode.FAULT
    sys.exit(int(code or 0))


if __name__ == "__main__":
    main()
