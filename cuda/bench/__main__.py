"""`python -m persistent_topk.bench`: the bench with the peers that need no adapter."""

from __future__ import annotations

import sys

import click

from ...commands.bench import EXIT_USAGE, bench_command


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; the exit code."""
    try:
        return int(bench_command(dict).main(arguments, standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
