"""Compiles the CUDA sources: one nvcc call on first use, cached by the hash of everything that goes in.

The result is a plain shared library without torch in it. `python -m persistent_topk.cuda.build` compiles
ahead of time; with `--prebuilt` the library lands beside the package, where a wheel picks it up.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

CUDA_DIR = Path(__file__).resolve().parent
LAUNCH_SOURCE = CUDA_DIR / "launch.cu"
PREBUILT_DIR = CUDA_DIR / "prebuilt"
CACHE_VARIABLE = "PERSISTENT_TOPK_CACHE"
DEFAULT_ARCH = "sm_90"
FLAGS = ("-std=c++20", "-O3", "-lineinfo", "-Xptxas", "-v", "--threads", "2")
LIBRARY_FLAGS = ("--shared", "-Xcompiler", "-fPIC", "-cudart", "static")
BUILD_TIMEOUT_S = 300
HASH_LENGTH = 16


class BuildError(RuntimeError):
    """The CUDA sources could not be compiled here; the message says what is missing or what nvcc said."""


def find_nvcc() -> Path:
    """nvcc of CUDA_HOME, CUDA_PATH, PATH or /usr/local/cuda; BuildError where there is none."""
    homes = [
        os.environ.get("CUDA_HOME"),
        os.environ.get("CUDA_PATH"),
        "/usr/local/cuda",
    ]
    found = shutil.which("nvcc")
    candidates = [Path(home) / "bin" / "nvcc" for home in homes[:2] if home]
    candidates += [Path(found)] if found else []
    candidates.append(Path("/usr/local/cuda/bin/nvcc"))
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise BuildError(
        "no nvcc in CUDA_HOME, CUDA_PATH, PATH or /usr/local/cuda; install the CUDA toolkit (12.0 or newer) "
        "or a wheel with a prebuilt library for this GPU"
    )


def nvcc_version() -> str:
    """The release line of nvcc, as records name it."""
    text = subprocess.run([find_nvcc(), "--version"], capture_output=True, text=True, check=True).stdout
    return next((line.strip() for line in text.splitlines() if "release" in line), text.strip())


def kernel_headers() -> list[Path]:
    """The production kernel's headers, in a fixed order."""
    return sorted((CUDA_DIR / "kernel").glob("*.cuh"))


def digest(paths: Iterable[Path], *words: str) -> str:
    """A short hash of the files' names and bytes and of the words."""
    sha = hashlib.sha256()
    for path in paths:
        sha.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for word in words:
        sha.update(word.encode() + b"\0")
    return sha.hexdigest()[:HASH_LENGTH]


def kernel_hash() -> str:
    """Hash of what decides the kernel's behaviour: its headers and the launch; records carry it."""
    return digest([*kernel_headers(), LAUNCH_SOURCE])


def library_name(source: Path, arch: str, flags: Iterable[str] = ()) -> str:
    """File name of the library built from `source` for `arch`: equal contents, equal name."""
    key = digest([source, *kernel_headers()], arch, *FLAGS, *LIBRARY_FLAGS, *flags)
    return f"{source.stem}-{arch}-{key}.so"


def cache_dir() -> Path:
    """PERSISTENT_TOPK_CACHE, else persistent_topk in the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "persistent_topk"


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
    output = done.stdout + done.stderr
    if done.returncode != 0:
        errors = "\n".join(line for line in output.splitlines() if "ptxas info" not in line)
        raise BuildError(f"nvcc failed ({done.returncode}): {' '.join(command)}\n{errors}")
    return output


def compile_library(source: Path, library: Path, arch: str, flags: Iterable[str] = ()) -> None:
    """Compiles into a temporary folder beside `library` and renames: readers see all of it or nothing."""
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        part = Path(folder) / library.name
        target = [f"-arch={arch}", *FLAGS, *LIBRARY_FLAGS, *flags, f"-I{CUDA_DIR}"]
        log = run_nvcc([*target, "-o", str(part), str(source)])
        log_part = part.with_suffix(".log")
        log_part.write_text(log)
        os.replace(log_part, library.with_suffix(".log"))
        os.replace(part, library)


def build(source: Path = LAUNCH_SOURCE, arch: str = DEFAULT_ARCH, flags: Iterable[str] = ()) -> Path:
    """The library of `source` for `arch` (such as "sm_90"): prebuilt, cached, or compiled now.

    Beside it lies a .log with nvcc's register and spill report. Raises BuildError.
    """
    flags = tuple(flags)
    name = library_name(source, arch, flags)
    prebuilt = PREBUILT_DIR / name
    if prebuilt.is_file():
        return prebuilt
    library = cache_dir() / name
    if not library.is_file():
        compile_library(source, library, arch, flags)
    return library


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m persistent_topk.cuda.build", description=__doc__)
    parser.add_argument("--arch", default=DEFAULT_ARCH, help="such as sm_80, sm_90 (default), sm_100")
    parser.add_argument("--prebuilt", action="store_true", help="into the package, for a wheel")
    options = parser.parse_args(arguments)
    try:
        if options.prebuilt:
            library = PREBUILT_DIR / library_name(LAUNCH_SOURCE, options.arch)
            compile_library(LAUNCH_SOURCE, library, options.arch)
        else:
            library = build(arch=options.arch)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(library)
    return 0


if __name__ == "__main__":
    sys.exit(main())
