"""The C structs that Python fills are laid out as the headers say."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest

from persistent_topk.cuda import structs
from persistent_topk.cuda.build import CUDA_DIR
from persistent_topk.cuda.emulator.build import EMULATOR, TOPK_SOURCE, compiler

# Of NVIDIA's header launch.cuh needs one name.
CUDA_RUNTIME = "typedef struct CUstream_st* cudaStream_t;"
HOST = "#include <host/launch.cuh>"
EMULATED = (
    f"#define PERSISTENT_TOPK_POLICY 0\n#define PERSISTENT_TOPK_LOGITS float\n#include <{TOPK_SOURCE.name}>"
)
MIRRORS = [
    (HOST, structs.TopkCall, "TopkCall"),
    (HOST, structs.CallRecord, "Call"),
    (HOST, structs.Limits, "DeviceLimits"),
    (HOST, structs.PlanRecord, "Plan"),
    (EMULATED, structs.CallRecord, "Call"),
    (EMULATED, structs.EmulatedCall, "EmulatedCall"),
]


def facts(mirror: type[ctypes.Structure], name: str) -> list[str]:
    """What is true of the C struct if it is laid out as its mirror is."""
    places = {field: getattr(mirror, field).offset for field, _ in mirror._fields_}
    offsets = [f"offsetof({name}, {field}) == {place}" for field, place in places.items()]
    return [*offsets, f"sizeof({name}) == {ctypes.sizeof(mirror)}"]


def compiles(folder: Path, header: str, assertions: list[str]) -> bool:
    (folder / "cuda_runtime.h").write_text(CUDA_RUNTIME)
    source = folder / "layout.cpp"
    lines = [f"static_assert({fact});" for fact in assertions]
    source.write_text("\n".join([header, "#include <cstddef>", "using namespace persistent_topk;", *lines]))
    includes = [f"-I{place}" for place in (folder, CUDA_DIR, CUDA_DIR / "kernel", EMULATOR)]
    command = [*compiler(), "-std=c++20", "-fsyntax-only", *includes, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "static assertion failed" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.mark.parametrize(("header", "mirror", "name"), MIRRORS)
def test_a_mirror_is_laid_out_as_its_struct(
    header: str, mirror: type[ctypes.Structure], name: str, tmp_path: Path
) -> None:
    assert compiles(tmp_path, header, facts(mirror, name))


def test_another_layout_is_noticed(tmp_path: Path) -> None:
    class Shifted(ctypes.Structure):
        _fields_ = (("more", ctypes.c_int64), *structs.Limits._fields_)

    assert not compiles(tmp_path, HOST, facts(Shifted, "DeviceLimits")[1:])
