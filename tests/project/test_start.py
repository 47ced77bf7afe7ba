"""What starts without torch: the package's face, the pytest plugin, the command line's help."""

from __future__ import annotations

import subprocess
import sys

import pytest

from persistent_topk.commands.cli import COMMANDS, CommandFiles, group

HEAVY = ("torch", "numpy", "hypothesis", "rich", "jinja2")
LOADED = f"import sys; print(*[name for name in {HEAVY} if name in sys.modules])"
COMMAND_LINE = "from persistent_topk.commands.cli import group; group"
STARTS = {
    "the package": "import persistent_topk",
    "the policies": "import persistent_topk.reference.policy",
    "the pytest plugin": "import persistent_topk.testing.pytest_plugin",
    "the API for tests": "import persistent_topk.testing",
    "the command line": f"{COMMAND_LINE}.main(['--help'], standalone_mode=False)",
    **{
        f"the help of {name}": f"{COMMAND_LINE}.main(['{name}', '--help'], standalone_mode=False)"
        for name in COMMANDS
    },
}


@pytest.mark.parametrize("start", STARTS)
def test_nothing_heavy_is_imported_before_it_is_used(start: str) -> None:
    command = [sys.executable, "-c", f"{STARTS[start]}; {LOADED}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "" == done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_command_says_first(name: str) -> None:
    command = CommandFiles().get_command(None, name)  # type: ignore[arg-type]
    assert command is not None and command.help is not None
    assert COMMANDS[name] == command.help.split("\n\n")[0].replace("\n", " ")


def test_the_commands_are_in_order() -> None:
    assert list(COMMANDS) == sorted(COMMANDS) == group.list_commands(None)  # type: ignore[attr-defined,arg-type]
