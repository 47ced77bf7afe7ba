"""Compiles the CUDA sources on first use, cached by the hash of everything that goes in.

The result is a plain shared library without torch in it. `python -m persistent_topk.cuda.build` compiles
ahead of time; with `--prebuilt` the libraries land in the package, where a wheel picks them up.
"""

from __future__ import annotations

import argparse  # the build of a wheel needs no library for command lines
import logging
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..exit_code import ExitCode
from ..long_work import long_work
from ..reference.policy import POLICIES
from . import cache
from .cache import BuildError as BuildError  # where callers know it from
from .cache import cache_dir, digest
from .host_compiler import flags_for_nvcc

CUDA_DIR = Path(__file__).resolve().parent
HOST_DIR = CUDA_DIR / "host"
LAUNCH_SOURCE = HOST_DIR / "launch.cu"
INSTANCE_SOURCE = HOST_DIR / "instance.cu"
PREBUILT_DIR = CUDA_DIR / "prebuilt"
DEFAULT_ARCH = "sm_90"
FLAGS = ("-std=c++20", "-O3", "-lineinfo", "-Xptxas", "-v", "-Xcompiler", "-fPIC")
LIBRARY_FLAGS = ("--shared", "-cudart", "static")
PROGRAM_FLAGS = ("-cudart", "static")
FIRST_USE_SECONDS = 60.0  # for which an engine that calls the kernel first may seem to hang
BUILD_TIMEOUT_S = 300
HOMES = ("CUDA_HOME", "CUDA_PATH")  # variables that say where the toolkit is, the first set one counts
USUAL_HOME = "/usr/local/cuda"
# How a comment begins.
CPP_COMMENT = "//"
PYTHON_COMMENT = r"(?<!\S)#"  # behind white space alone: not in "#include"


@dataclass(frozen=True)
class Unit:
    """A source file and the macros it is compiled with."""

    source: Path
    defines: tuple[str, ...] = ()


def kernel_units(logits: str = "float") -> tuple[Unit, ...]:
    """The units of a library: its host side and each policy's kernels, compiled side by side.

    logits: the kernel's type of these, one of LOGITS_NAMES of structs.py.
    """
    of_policies = (
        (f"-DPERSISTENT_TOPK_POLICY={index}", f"-DPERSISTENT_TOPK_LOGITS={logits}")
        for index in range(len(POLICIES))
    )
    return Unit(LAUNCH_SOURCE), *(Unit(INSTANCE_SOURCE, defines) for defines in of_policies)


KERNEL_UNITS = kernel_units()  # for float32 logits


class WrongToolkit(BuildError):
    """CUDA_HOME or CUDA_PATH names a folder without nvcc. No other toolkit is taken in its place."""


def find_nvcc() -> Path:
    """nvcc of CUDA_HOME or CUDA_PATH where one is set, else of PATH or /usr/local/cuda.

    Raises BuildError where there is none, WrongToolkit where the one that is set has none.
    """
    for variable in HOMES:
        home = os.environ.get(variable)
        if home:
            nvcc = Path(home) / "bin" / "nvcc"
            if not nvcc.is_file():
                raise WrongToolkit(
                    f"{variable} is {home}, which has no bin/nvcc; expected a CUDA toolkit (12.0 or newer): "
                    f"correct {variable}, or unset it to take nvcc from the PATH"
                )
            return nvcc
    found = shutil.which("nvcc")
    for candidate in (*([Path(found)] if found else []), Path(USUAL_HOME) / "bin" / "nvcc"):
        if candidate.is_file():
            return candidate
    raise BuildError(
        "no nvcc in CUDA_HOME, CUDA_PATH, PATH or /usr/local/cuda; install the CUDA toolkit (12.0 or newer) "
        "or a wheel with a prebuilt library for this GPU"
    )


def nvcc_version() -> str:
    """The release line of nvcc, as records name it. Raises BuildError."""
    text = run_nvcc(["--version"])
    return next((line.strip() for line in text.splitlines() if "release" in line), text.strip())


def kernel_headers() -> list[Path]:
    """The headers of the production kernel and its launch, in a fixed order."""
    return [*sorted((CUDA_DIR / "kernel").glob("*.cuh")), HOST_DIR / "launch.cuh"]


def code_of(source: str, comment: str = CPP_COMMENT) -> str:
    """The source without comments and with one space for any white space: what a comment cannot change."""
    return " ".join(re.sub(rf"{comment}[^\n]*", "", source).split())


def kernel_hash() -> str:
    """The hash of the kernel's code and compiler flags, without comments. A GPU record names the kernel by
    it."""
    sources = [*kernel_headers(), LAUNCH_SOURCE, INSTANCE_SOURCE]
    return digest(sources, *FLAGS, content=lambda path: code_of(path.read_text()).encode())


def library_name(
    units: Sequence[Unit] = KERNEL_UNITS,
    arch: str = DEFAULT_ARCH,
    flags: Sequence[str] = (),
    program: bool = False,
) -> str:
    """File name of what is built from `units` for `arch` and this kind of host, by whatever nvcc: equal
    contents, equal name."""
    sources = dict.fromkeys(unit.source for unit in units)
    own = [source for source in sources if '#include "' in source.read_text()]
    headers = [path for source in own for path in sorted(source.parent.glob("*.cuh"))]
    headers += kernel_headers() if own else []  # what includes none of them outlives their changes
    defines = [define for unit in units for define in unit.defines]
    kind = PROGRAM_FLAGS if program else LIBRARY_FLAGS
    key = digest([*sources, *headers], arch, *FLAGS, *kind, *flags, *defines)
    return f"{units[0].source.stem}-{arch}-{platform.machine()}-{key}" + ("" if program else ".so")


def cached(name: str) -> Path:
    """Where the cache has, or will have, what library_name() calls `name`, in the folder of today's nvcc.

    Without nvcc, where any has left it. Raises BuildError where nvcc is missing and none has, or where it is
    not in the toolkit that was asked for.
    """
    try:
        return cache_dir() / digest((), nvcc_version()) / name
    except WrongToolkit:
        raise
    except BuildError:
        found = sorted(cache_dir().glob(f"*/{name}"))
        if not found:
            raise
        return found[0]


def run_nvcc(arguments: list[str]) -> str:
    """nvcc's output (with the assembler's register report); BuildError with its errors if it fails."""
    command = [str(find_nvcc()), *arguments]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"nvcc ran longer than {BUILD_TIMEOUT_S} s: {' '.join(command)}") from error
    except OSError as error:
        raise BuildError(
            f"{command[0]} does not run ({error.strerror}); expected the nvcc of a CUDA toolkit: "
            "make it executable, or set CUDA_HOME to another toolkit"
        ) from error
    output = done.stdout + done.stderr
    if done.returncode != 0:
        errors = "\n".join(line for line in output.splitlines() if "ptxas info" not in line)
        raise BuildError(f"nvcc failed ({done.returncode}): {' '.join(command)}\n{errors}")
    return output


def _compile(
    part: Path, log: Path, units: Sequence[Unit], arch: str, flags: Sequence[str] = (), program: bool = False
) -> None:
    """Compiles the units side by side, in the folder of `part`, and links them to it. The assembler's report
    goes to `log` first: who finds a library finds its report."""
    parts = [str(part.with_name(f"{number}.o")) for number in range(len(units))]
    host = flags_for_nvcc()

    def compile_unit(number: int) -> str:
        common = [f"-arch={arch}", *FLAGS, *host, *flags, *units[number].defines]
        return run_nvcc([*common, f"-I{CUDA_DIR}", "-c", str(units[number].source), "-o", parts[number]])

    with ThreadPoolExecutor(min(len(units), os.cpu_count() or 1)) as pool:
        report = "".join(pool.map(compile_unit, range(len(units))))
    kind = PROGRAM_FLAGS if program else LIBRARY_FLAGS
    run_nvcc([f"-arch={arch}", *kind, *host, *parts, *flags, "-o", str(part)])  # libraries stand last
    part.with_suffix(".log").write_text(report)
    os.replace(part.with_suffix(".log"), log)


def _logits_of(units: Sequence[Unit]) -> str:
    """The dtype of what the units are compiled for, in words; nothing for float32."""
    found = {define.partition("LOGITS=")[2] for unit in units for define in unit.defines} - {"", "float"}
    return "".join(f", {name.lower()} logits" for name in sorted(found))


def build(
    units: Sequence[Unit] = KERNEL_UNITS,
    arch: str = DEFAULT_ARCH,
    flags: Sequence[str] = (),
    program: bool = False,
) -> Path:
    """The shared library of `units` for `arch` (such as "sm_90"): prebuilt, cached, or compiled now.

    program: an executable instead. Beside it lies a .log with nvcc's register and spill report. Raises
    BuildError.
    """
    name = library_name(units, arch, flags, program)
    prebuilt = PREBUILT_DIR / name
    if prebuilt.is_file():
        return prebuilt
    target = cached(name)
    return cache.build_once(
        target,
        lambda part: _compile(part, target.with_suffix(".log"), units, arch, flags, program),
        compiled=f"{units[0].source.name} for {arch}{_logits_of(units)}",
    )


def rebuild(target: Path, arch: str) -> None:
    """Compiles the kernel's library for `arch` to `target`, whatever lies there. Raises BuildError."""
    with long_work(f"compiling the kernel for {arch}", target.parent, at_once=True):
        cache.build(target, lambda part: _compile(part, target.with_suffix(".log"), KERNEL_UNITS, arch))


def prebuild(arch: str) -> Path:
    """Compiles the kernel for `arch` into the package, where build() looks first. Raises BuildError."""
    library = PREBUILT_DIR / library_name(arch=arch)
    rebuild(library, arch)
    return library


def main(arguments: list[str] | None = None) -> int:
    """Compiles and prints the libraries' paths; ExitCode.CANNOT_RUN and the reason if that fails."""
    parser = argparse.ArgumentParser(prog="python -m persistent_topk.cuda.build", description=__doc__)
    parser.add_argument("--arch", action="append", help="such as sm_80, sm_90 (default), sm_100; repeat")
    parser.add_argument("--prebuilt", action="store_true", help="into the package, for a wheel")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")  # on stderr
    try:
        for arch in options.arch or [DEFAULT_ARCH]:
            print(prebuild(arch) if options.prebuilt else build(arch=arch))
    except BuildError as error:
        print(error, file=sys.stderr)
        return ExitCode.CANNOT_RUN
    return ExitCode.AGREE


if __name__ == "__main__":
    sys.exit(main())
