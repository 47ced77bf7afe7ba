"""A run of pytest in this process, which has imported torch already."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

OF_XDIST = ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID")


def run_here(folder: Path, *arguments: str) -> tuple[int, str]:
    """(exit code, output) of `pytest ARGUMENTS` in the folder. Modules of the folder are forgotten again."""
    known, path, output = set(sys.modules), list(sys.path), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(output):
        patch.chdir(folder)
        for name in OF_XDIST:
            patch.delenv(name, raising=False)
        try:
            code = pytest.main([*arguments, "-p", "no:faulthandler"])
        finally:
            sys.path[:] = path
            for name in set(sys.modules) - known:
                if str(getattr(sys.modules[name], "__file__", None)).startswith(str(folder)):
                    del sys.modules[name]
    return int(code), output.getvalue()
