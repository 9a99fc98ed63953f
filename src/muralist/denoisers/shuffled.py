"""Subsamplings that exchange their cells."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from muralist.canvas import Size
from muralist.query import Denoiser, Estimate, Query
from muralist.strips import blank, copied, strips

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
        shown = blank(x, *x.shape[:-2], *canvas)
        shown[..., top:, left:] = x
        controls = tuple(control.moved(top, left) for control in q.controls)
        about = replace(q, canvas=canvas, controls=controls)
        answer = self.inner(self._exchanged(shown, order, _there), about)
        del shown
        back = (self._exchanged(copied(y, y), order, _back) for y in answer)
        return Estimate(*(y[..., top:, left:] for y in back))

    def order(self, x: Tensor, canvas: Size, q: Query) -> Tensor:
        """A permutation of the samples of each cell, for each channel: `C k^2 h w`."""
        shape = (self.k**2, canvas.height // self.k, canvas.width // self.k)
        kind = torch.int16 if self.k**2 < 2**15 else torch.int32
        order = blank(x, x.shape[1], *shape, dtype=kind)
        if x.is_meta:  # a plan, for which drawing would be the only work
            return order
        rng, draws = q.rng("shuffle"), blank(x, *shape, dtype=torch.float32).cpu()
        for channel in order:
            _sort(draws.uniform_(generator=rng), channel)
        return order

    def _exchanged(
        self, x: Tensor, order: Tensor, move: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """x, changed in place."""
        for rows in strips(x, self.k):
            cells = slice(rows.start // self.k, rows.stop // self.k)
            for channel, where in zip(
                x[..., rows, :].split(1, 1), order[..., cells, :], strict=True
            ):
                samples = move(F.pixel_unshuffle(channel, self.k), where[None].long())
                channel.copy_(F.pixel_shuffle(samples, self.k))
        return x


def _there(samples: Tensor, where: Tensor) -> Tensor:
    return samples.gather(1, where)


def _back(samples: Tensor, where: Tensor) -> Tensor:
    return torch.empty_like(samples).scatter_(1, where, samples)


def _sort(samples: Tensor, order: Tensor) -> None:
    """Into `order`, what sorts the samples `k^2 h w` of each cell."""
    for rows in strips(samples):
        order[..., rows, :] = samples[..., rows, :].argsort(0)
