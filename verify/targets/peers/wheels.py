"""Files of a package that is not installed: out of its wheel, carried to a machine without a network."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

from ....cuda.cache import build_once, cache_dir, digest

EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class NotInside(RuntimeError):
    """The wheel or folder does not hold what is looked for; the message says what was."""


def below(folder: Path, mark: str) -> Path | None:
    """The folder at or under `folder` in which the file `mark` (such as "cub/cub.cuh") lies, or None."""
    found = folder / mark if (folder / mark).is_file() else next(iter(sorted(folder.rglob(mark))), None)
    return found.parents[mark.count("/")] if found else None


def unpacked(wheel: Path, mark: str) -> Path:
    """The folder of the wheel in which the file `mark` lies, unpacked once into the cache.

    Raises NotInside for a wheel without it and for what is no wheel, BuildError where the cache is of no use.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            marks = [name for name in names if f"/{name}".endswith(f"/{mark}")]
            if not marks:
                raise NotInside(f"{wheel} has no {mark}")
            prefix = min(marks, key=len).removesuffix(mark)
            folder = cache_dir() / f"{wheel.name.split('-')[0]}-{digest([wheel], prefix)}"
            build_once(folder, lambda part: unpack(archive, prefix, part))
    except zipfile.BadZipFile as error:
        raise NotInside(f"{wheel} is no wheel ({error})") from error
    return folder / prefix


def unpack(archive: zipfile.ZipFile, prefix: str, folder: Path) -> None:
    """The members under `prefix`, into a folder."""
    for info in archive.infolist():
        if info.filename.startswith(prefix):
            path = Path(archive.extract(info, folder))
            if (info.external_attr >> 16) & EXECUTABLE:  # which extract does not keep
                path.chmod(path.stat().st_mode | EXECUTABLE)


def folder_with(given: Path, mark: str) -> Path:
    """The folder of `mark` in a wheel, or at or under a folder. Raises NotInside, BuildError."""
    if given.is_file():
        return unpacked(given, mark)
    found = below(given, mark) if given.is_dir() else None
    if found is None:
        raise NotInside(f"{given} has no {mark}")
    return found
