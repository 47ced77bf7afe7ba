"""`python -m persistent_topk.tools.intrinsics.record FILE`: a GPU's answers, as an .npz for the tests."""

from __future__ import annotations

import ctypes
import zlib
from pathlib import Path

import click
import numpy as np
import torch

from ...commands import cli
from ...cuda.build import CUDA_DIR, Unit, build, nvcc_version
from ...cuda.cache import load_library
from ...cuda.library import arch_of
from .cases import HERE, Inputs, Parameters, inputs_of, operation_names


def inputs_checksum(inputs: Inputs) -> int:
    """So that recorded answers are never held against other questions."""
    return zlib.crc32(inputs.a.tobytes() + inputs.b.tobytes() + inputs.c.tobytes())


def answer(library: ctypes.CDLL, operation: int, inputs: Inputs) -> np.ndarray:
    """uint32 [result_words] of one operation on the current CUDA device."""
    a, b, c = (torch.from_numpy(part.view(np.int32)).cuda() for part in (inputs.a, inputs.b, inputs.c))
    result = torch.zeros(inputs.result_words, dtype=torch.int32, device="cuda")
    torch.cuda.synchronize()
    pointers = [tensor.data_ptr() for tensor in (a, b, c, result)]
    error = library.intrinsics_run(ctypes.byref(Parameters(*pointers, operation, len(inputs.b))))
    if error:
        raise RuntimeError(f"operation {operation} failed: cudaError {error}")
    return result.cpu().numpy().view(np.uint32)


def record(path: Path) -> None:
    """Writes the answers to every operation, with what they were asked and by which GPU."""
    arch = arch_of(torch.cuda.current_device())
    library = load_library(build([Unit(HERE / "device.cu")], arch, (f"-I{CUDA_DIR / 'kernel'}",)))
    arrays: dict[str, np.ndarray] = {}
    for number, name in enumerate(operation_names(library)):
        inputs = inputs_of(name)
        arrays[name] = answer(library, number, inputs)
        arrays[f"{name}.inputs"] = np.array(inputs_checksum(inputs), np.uint32)
    arrays["gpu"] = np.array(torch.cuda.get_device_name())
    arrays["compiler"] = np.array(nvcc_version())
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


@click.command("record")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def command(file: Path) -> None:
    """Records this GPU's answers in an .npz file."""
    record(file)


if __name__ == "__main__":
    cli.run(command, "python -m persistent_topk.tools.intrinsics.record")
