"""Random numbers that contents are made of: numpy's for a row of a case, torch's for many rows on a device.

A case is rebuilt from its seed on any machine, and numpy's numbers are the same on all of them. Torch's
differ from one kind of processor to another, but a GPU draws them where it needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

Shape = tuple[int, int]  # rows, columns


class Draw(Protocol):
    """A source of random numbers, each a tensor of the shape on the source's device."""

    @property
    def device(self) -> torch.device: ...

    def normal(self, shape: Shape) -> Tensor:
        """float32, of mean 0 and variance 1."""

    def uniform(self, shape: Shape) -> Tensor:
        """float32 in [0, 1)."""

    def integers(self, shape: Shape, low: int, high: int) -> Tensor:
        """int32, low .. high - 1."""


@dataclass(frozen=True)
class NumpyDraw:
    """Numbers of a numpy generator, on the CPU."""

    random: np.random.Generator
    device = torch.device("cpu")

    def normal(self, shape: Shape) -> Tensor:
        return torch.from_numpy(self.random.standard_normal(shape, np.float32))

    def uniform(self, shape: Shape) -> Tensor:
        return torch.from_numpy(self.random.random(shape, np.float32))

    def integers(self, shape: Shape, low: int, high: int) -> Tensor:
        return torch.from_numpy(self.random.integers(low, high, shape, np.int32))


@dataclass(frozen=True)
class TorchDraw:
    """Numbers of a torch generator, on its device."""

    generator: torch.Generator

    @property
    def device(self) -> torch.device:
        return self.generator.device

    def normal(self, shape: Shape) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.device)

    def uniform(self, shape: Shape) -> Tensor:
        return torch.rand(shape, generator=self.generator, device=self.device)

    def integers(self, shape: Shape, low: int, high: int) -> Tensor:
        return torch.randint(
            low, high, shape, generator=self.generator, device=self.device, dtype=torch.int32
        )
