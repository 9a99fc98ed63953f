"""Gaussian blur that keeps mean and spread."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from muralist.query import Query, Ramp

__all__ = ["Blur"]


@dataclass(frozen=True)
class Blur:
    """What dilated views see of x, lest neighbours alias (DemoFusion, dilated sampling).

    A separable Gaussian of `2 * radius + 1` taps whose standard deviation, in cells, `sigma` gives
    for each step; zeros outside the canvas; then the mean and the standard deviation of the whole
    canvas are restored.
    """

    radius: int
    sigma: Ramp

    def __call__(self, x: Tensor, q: Query) -> Tensor:
        taps = _gaussian(self.radius, self.sigma(q.step))
        y = _along(_along(x, taps, dim=-2), taps, dim=-1)
        return (y - y.mean()) / y.std() * x.std() + x.mean()


def _gaussian(radius: int, sigma: float) -> list[float]:
    taps = [math.exp(-0.5 * (at / sigma) ** 2) for at in range(-radius, radius + 1)]
    return [tap / sum(taps) for tap in taps]


def _along(x: Tensor, taps: list[float], dim: int) -> Tensor:
    """A sum of shifted copies: exact in float32 where a GPU's convolution rounds to TF32."""
    radius, extent = len(taps) // 2, x.shape[dim]
    padded = F.pad(x, (0, 0, radius, radius) if dim == -2 else (radius, radius))
    total = torch.zeros_like(x)
    for at, tap in enumerate(taps):
        total.add_(padded.narrow(dim, at, extent), alpha=tap)
    return total
