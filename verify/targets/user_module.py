"""The module that a user's target is in, which may lie in the working folder.

Python usually looks there first, and a file that is called queue.py or select.py then stands in for that of
the standard library, in every package that imports it later. Here the folder is for the target alone.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

STANDARD_LIBRARY = Path(os.__file__).parent
STANDARD_PLACES = {str(STANDARD_LIBRARY), str(STANDARD_LIBRARY / "lib-dynload")}


def imported(name: str) -> ModuleType:
    """The module "package.module", of the working folder where it is there. Raises what importing it does."""
    folder = str(Path.cwd())
    _put_behind_the_library(folder)
    package = name.partition(".")[0]
    spec = PathFinder.find_spec(package, [folder])
    if spec is None or spec.loader is None:
        return importlib.import_module(name)
    if name in sys.stdlib_module_names:
        return _executed(spec)  # and not kept: whoever else imports that name means the library's
    if package not in sys.modules:
        _executed(spec, kept=True)
    return importlib.import_module(name)


def _put_behind_the_library(folder: str) -> None:
    """Installed packages come after both, so that what they have is the folder's where both have it."""
    places = [place for place in sys.path if place not in ("", folder)]
    behind = 1 + max((at for at, place in enumerate(places) if place in STANDARD_PLACES), default=-1)
    sys.path[:] = [*places[:behind], folder, *places[behind:]]


def _executed(spec: ModuleSpec, kept: bool = False) -> ModuleType:
    """The module that the spec describes. kept: for other imports of its name, too."""
    assert spec.loader is not None
    module = module_from_spec(spec)
    if kept:
        sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if kept:
            del sys.modules[spec.name]
        raise
    return module
