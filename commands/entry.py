"""Where the command persistent-topk begins, which may find the packages of its extra missing."""

from __future__ import annotations

import sys
from typing import NoReturn

from ..exit_code import ExitCode
from ..extras import MissingExtra, advised


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs persistent-topk; says what to install and exits with CANNOT_RUN where its packages are missing."""
    try:
        with advised():
            from . import cli
    except MissingExtra as error:
        print(f"persistent-topk needs an extra: {error}", file=sys.stderr)
        sys.exit(ExitCode.CANNOT_RUN)
    cli.main(arguments)


if __name__ == "__main__":
    main()
