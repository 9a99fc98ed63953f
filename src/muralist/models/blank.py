"""A network without weights, for listing and costing stages before a model is loaded."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from muralist.canvas import Size, View
from muralist.query import Cond, Denoiser, Estimate, Guided, Part, Query

__all__ = ["NO_TEXT", "Asked", "Blank", "Call", "Tally"]

NO_TEXT = Cond(torch.empty(1, 1, 1, device="meta"))


class Call(NamedTuple):
    """One call of the network."""

    rows: int  # guided views are two, or asked about again
    size: Size  # of each, in latent cells


@dataclass(frozen=True)
class Blank:
    """Answers with its question, and notes how it was called."""

    native: Size
    calls: list[Call] = field(default_factory=list)
    network: None = None

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        self.calls.append(Call(len(x), Size(*x.shape[-2:])))
        return Estimate(x, x)


@dataclass(frozen=True)
class Asked:
    """A painter that notes how many views it was asked about."""

    inner: Guided
    views: list[int] = field(default_factory=list)

    @property
    def native(self) -> Size:
        return self.inner.native

    @property
    def network(self) -> nn.Module | None:
        return self.inner.network

    def led(self, scale: float) -> "Asked":
        return Asked(self.inner.led(scale), self.views)

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        self.views.append(len(x))
        return self.inner(x, q)


@dataclass
class Tally:
    """A runner that asks about one view, as if it were all of the canvas, and counts for each.

    It fuses nothing. Views are functions of the query: x may be a canvas of any size. A part that
    takes that for the size of the canvas, and says so, is set right.
    """

    canvas: Size
    asked: Asked
    network: Blank
    batch_size: int
    evaluations: int = 0  # views asked about; a guided one counts once
    calls: Counter[Call] = field(default_factory=Counter)

    def __call__(
        self, inner: Denoiser, x: Tensor, q: Query, views: Sequence[View]
    ) -> Iterator[Part]:
        count, view = len(views), views[0]
        size = Size(view.height, view.width)
        if q.canvas != self.canvas:
            size = Size(*(-(-side // view.step) for side in self.canvas))
        self.asked.views.clear()
        self.network.calls.clear()
        inner(
            x.new_zeros(1, x.shape[1], *size), replace(q, canvas=size, views=(View(0, 0, *size),))
        )
        self.evaluations += count * sum(self.asked.views)
        for rows, _ in self.network.calls:
            for at_once, times in _batches(count, self.batch_size).items():
                self.calls[Call(at_once * rows, size)] += times
        return iter(())


def _batches(count: int, most: int) -> Counter[int]:
    """How many batches there are of each size: as few as can be, and even ones."""
    number = -(-count // most)
    size, larger = divmod(count, number)
    return +Counter({size + 1: larger, size: number - larger})
