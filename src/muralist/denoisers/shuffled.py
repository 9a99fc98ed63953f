"""Subsamplings that exchange their cells."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from muralist.canvas import Size
from muralist.query import Denoiser, Estimate, Query

__all__ = ["Shuffled"]


@dataclass(frozen=True)
class Shuffled:
    """Lets `inner` see the canvas with the samples of each k-by-k cell exchanged at random.

    The answer's are put back. Each channel of each cell is exchanged on its own, anew at every
    step (AccDiffusion, window interaction): the k^2 subsamplings then share what they know. A
    canvas that k does not divide is completed with zeros at the top and the left.
    """

    inner: Denoiser
    k: int

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        top, left = (-side % self.k for side in x.shape[-2:])
        canvas = Size(x.shape[-2] + top, x.shape[-1] + left)
        order = self.order(x, canvas, q)
        x = self._exchanged(F.pad(x, (left, 0, top, 0)), order)  # and the canvas before is freed
        answer = self.inner(x, replace(q, canvas=canvas))
        del x
        back = _sorting(order)
        return Estimate(*(self._exchanged(y, back)[..., top:, left:] for y in answer))

    def order(self, x: Tensor, canvas: Size, q: Query) -> Tensor:
        """A permutation of the samples of each cell, for each channel: `C k^2 h w`."""
        shape = (self.k**2, canvas.height // self.k, canvas.width // self.k)
        if x.is_meta:  # a plan, for which drawing would be the only work
            return x.new_empty((x.shape[1], *shape), dtype=torch.int16)
        rng = q.rng("shuffle")
        return _sorting(torch.rand(shape, generator=rng) for _ in range(x.shape[1])).to(x.device)

    def _exchanged(self, x: Tensor, order: Tensor) -> Tensor:
        made = torch.empty_like(x)
        for channel, into, where in zip(x.split(1, 1), made.split(1, 1), order, strict=True):
            cells = F.pixel_unshuffle(channel, self.k).gather(1, where[None].long())
            into.copy_(F.pixel_shuffle(cells, self.k))
        return made


def _sorting(channels: Iterable[Tensor]) -> Tensor:
    """What sorts each channel's samples. Indices of 64 bits live for one channel at a time."""
    return torch.stack([channel.argsort(0).short() for channel in channels])
