"""The environment of a measurement: GPU, driver, versions, and the kernel's hash."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

from .build import BuildError, kernel_hash, nvcc_version
from .calls import device_limits

DRIVER_FILE = Path("/proc/driver/nvidia/version")


def driver_version() -> str:
    """The driver's version, read from /proc, so that nvidia-smi is not needed."""
    if not DRIVER_FILE.is_file():
        return "unknown"
    words = DRIVER_FILE.read_text().splitlines()[0].split()
    return next((word for word in words if word.count(".") >= 1 and word[0].isdigit()), " ".join(words))


def environment() -> dict[str, Any]:
    """The environment as every record names it. Needs a CUDA device and a kernel that builds."""
    device = torch.cuda.current_device()
    try:
        compiler = nvcc_version()
    except BuildError:
        compiler = "none (prebuilt library)"
    return {
        "kernel": kernel_hash(),
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "gpu": torch.cuda.get_device_name(device),
        "driver": driver_version(),
        "nvcc": compiler,
        "torch": torch.__version__,
        "limits": vars(device_limits(device)),
    }
