"""A network without weights, for listing and costing stages before a model is loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from muralist.canvas import Size, View
from muralist.query import Cond, Denoiser, Estimate, Guided, Part, Query

__all__ = ["NO_TEXT", "Asked", "Blank", "once"]

NO_TEXT = Cond(torch.empty(1, 1, 1, device="meta"))


@dataclass(frozen=True)
class Blank:
    """Answers with its question, and notes how many rows it was asked."""

    native: Size
    rows: list[int] = field(default_factory=list)
    network: None = None

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        self.rows.append(len(x))
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


def once(inner: Denoiser, x: Tensor, q: Query, views: Sequence[View]) -> Iterator[Part]:
    """A runner that shows `inner` the shape of all views at once and fuses nothing."""
    view = views[0]
    inner(x.new_empty(len(views), x.shape[1], view.height, view.width), q.at(views))
    return iter(())
