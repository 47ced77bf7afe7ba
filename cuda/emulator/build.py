"""Compiles the emulator and a kernel for it with the machine's C++ compiler, once for equal contents."""

from __future__ import annotations

import functools
import platform
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..cache import BuildError, build_once, cache_dir, digest
from ..host_compiler import command

EMULATOR = Path(__file__).parent
KERNEL = EMULATOR.parent / "kernel"
TOPK_SOURCE = EMULATOR / "topk.cpp"
RUNTIME_SOURCE = EMULATOR / "runtime.cpp"
COMPILE_TIMEOUT_SECONDS = 600
ERROR_CHARACTERS = 4000  # of the compiler's output: the first errors are the ones that matter

COMMON_FLAGS = (
    "-std=c++20",
    "-fPIC",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-Wno-unknown-pragmas",
    "-fmax-errors=5",
)

# The emulator itself: never instrumented, it is what the instrumentation calls.
RUNTIME_FLAGS = (*COMMON_FLAGS, "-O2")

# Kernels: every load and store calls the emulator (-fsanitize=thread), as does undefined behaviour;
# volatile accesses have calls of their own; no fused multiply-adds, which nvcc would place elsewhere. -O1
# merges few accesses and keeps source lines; line tables name the place of a failure.
KERNEL_FLAGS = (
    *COMMON_FLAGS,
    "-O1",
    "-g1",
    "-ffp-contract=off",
    "-fsanitize=thread",
    "--param=tsan-distinguish-volatile=1",
    "--param=tsan-instrument-func-entry-exit=0",
    "-fsanitize=undefined",
)

# Of a kernel that is looked at briefly, besides: a third of the time to compile. Accesses, barriers and
# indices are checked as ever, other undefined behaviour is not.
BRIEF_FLAGS = ("-Og", "-fno-sanitize=undefined", "-fsanitize=bounds")


def compiler() -> tuple[str, ...]:
    """The command of GCC's C++ compiler: CXX, else g++. Raises BuildError if there is none."""
    found = command()
    if "clang" in _version_of(found):
        raise BuildError(
            f"{' '.join(found)} is clang: the emulator relies on how GCC instruments memory accesses. "
            "Install g++ 11 or newer and set CXX to it."
        )
    return found


def build_kernel(
    source: Path,
    defines: Sequence[str] = (),
    kernel: Path = KERNEL,
    headers: Sequence[Path] = (),
    what: str = "",
    flags: Sequence[str] = (),
) -> Path:
    """The shared library of a kernel's .cpp file and the emulator, compiled if it is not in the cache.

    source: the instrumented file. defines: its macros, "NAME=value". kernel: the directory of the
    kernel headers that it includes. headers: others. what: the kernel in words.
    flags: the compiler's, besides KERNEL_FLAGS. BuildError if it does not compile.
    """
    parts = sorted(path for path in EMULATOR.glob("*.[hc]pp") if path not in (TOPK_SOURCE, RUNTIME_SOURCE))
    dialect = [path for path in parts if path.suffix == ".hpp"]
    with ThreadPoolExecutor() as side_by_side:  # each takes seconds
        runtime = side_by_side.submit(_object, "the emulator", RUNTIME_SOURCE, RUNTIME_FLAGS, parts)
        instrumented = _object(
            what or f"{source.name} for the emulator",
            source,
            (*KERNEL_FLAGS, *flags, *(f"-D{define}" for define in defines)),
            [*dialect, *sorted(kernel.glob("*.cuh")), *headers],
            (f"-I{EMULATOR}", f"-I{kernel}"),
        )
        objects = [runtime.result(), instrumented]
    library = cache_dir() / f"{source.stem}-{digest(objects, *compiler())}.so"
    # Not linked with -fsanitize: the emulator stands in for the sanitizers' runtimes.
    return _compiled(library, ["-shared", "-Wl,-z,defs", *(str(path) for path in objects)])


def _object(
    what: str, source: Path, flags: Sequence[str], headers: Sequence[Path], includes: Sequence[str] = ()
) -> Path:
    """The object file of one source. Equal contents give equal files, wherever the headers lie."""
    machine = (platform.machine(), *compiler(), _version_of(compiler()))  # a home may be of several machines
    target = cache_dir() / f"{source.stem}-{digest([source, *headers], *machine, *flags)}.o"
    return _compiled(target, [*flags, *includes, "-c", str(source)], what)


@functools.cache
def _version_of(command: tuple[str, ...]) -> str:
    return subprocess.run([*command, "--version"], capture_output=True, text=True, check=False).stdout


def _compiled(target: Path, arguments: Sequence[str], what: str = "") -> Path:
    """`target` in the cache, made by the compiler with these arguments if it is not there."""

    def run_compiler(part: Path) -> None:
        words = [*compiler(), *arguments, "-o", str(part)]
        result = subprocess.run(
            words, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_SECONDS, check=False
        )
        if result.returncode != 0:
            raise BuildError(f"{' '.join(words)}\nfailed:\n{result.stderr.strip()[:ERROR_CHARACTERS]}")

    return build_once(target, run_compiler, what)
