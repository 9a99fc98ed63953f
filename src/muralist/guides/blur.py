"""Gaussian blur that keeps mean and spread."""

import math
from dataclasses import dataclass

from torch import Tensor

from muralist.canvas import View
from muralist.query import Query, Ramp
from muralist.strips import blank, strips

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
        y, width, r = blank(x), x.shape[-1], len(taps) // 2
        for rows in strips(x):
            around = View(rows.start - r, -r, rows.stop - rows.start + 2 * r, width + 2 * r)
            y[..., rows, :] = _along(_along(around.crop(x), taps, dim=-2), taps, dim=-1)
        mean, spread = y.mean(), y.std()
        return y.sub_(mean).div_(spread).mul_(x.std()).add_(x.mean())


def _gaussian(radius: int, sigma: float) -> list[float]:
    """Taps, but for those so far out that no sum in float64 would notice them."""
    radius = min(radius, math.ceil(10 * sigma))
    taps = [math.exp(-0.5 * (at / sigma) ** 2) for at in range(-radius, radius + 1)]
    total = sum(taps)
    return [tap / total for tap in taps]


def _along(x: Tensor, taps: list[float], dim: int) -> Tensor:
    """A sum of shifted copies, of what all taps reach: exact where a GPU's convolution is TF32."""
    extent = x.shape[dim] - len(taps) + 1
    total = x.narrow(dim, 0, extent) * taps[0]
    for at, tap in enumerate(taps[1:], start=1):
        total.add_(x.narrow(dim, at, extent), alpha=tap)
    return total
