"""Patches in an order: who comes first owns what it sees."""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Generator

from muralist.canvas import Size, Unclaimed, View
from muralist.errors import BadRequest
from muralist.query import Query

__all__ = ["Cover", "RandomCover"]


@dataclass(frozen=True)
class Cover:
    """As few windows as cover the canvas and overlap by `overlap` cells or more.

    Where they lie is drawn anew at each step, as far as there is room, and in which order they
    come.
    """

    window: Size
    overlap: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < min(self.window):
            raise BadRequest(
                f"overlap is {self.overlap} latent cells; 0 to {min(self.window) - 1} leave room"
                " to move on"
            )

    def __call__(self, q: Query) -> list[View]:
        height, width = (min(pair) for pair in zip(self.window, q.canvas, strict=True))
        rng = q.rng("cover")
        views = [
            View(top, left, height, width)
            for top in self._starts(height, q.canvas.height, rng)
            for left in self._starts(width, q.canvas.width, rng)
        ]
        return [views[at] for at in torch.randperm(len(views), generator=rng).tolist()]

    def _starts(self, window: int, extent: int, rng: Generator) -> list[int]:
        """The first at 0, the last at the end; what they can spare is shared out at random."""
        most = max(window - self.overlap, 1)  # a canvas shorter than the overlap is one window
        gaps = math.ceil((extent - window) / most)
        spare = gaps * most - (extent - window)
        cuts = torch.randint(spare + 1, (max(gaps - 1, 0),), generator=rng).sort().values.tolist()
        given = [0, *cuts, spare][: gaps + 1]
        return [at * most - less for at, less in enumerate(given)]


@dataclass(frozen=True)
class RandomCover:
    """Windows around bare cells, one after another, drawn anew at each step.

    Each is centred on a cell drawn from those that no window has covered yet, and moved onto the
    canvas (Pixelsmith, after DiffInfinite). They are about 2.24 times as many as would lie side by
    side.
    """

    window: Size

    def __call__(self, q: Query) -> list[View]:
        return list(_around_bare_cells(self.window, q.canvas, q.rng("cover").initial_seed()))


@lru_cache(maxsize=2)  # guides look it up again for every batch of a step
def _around_bare_cells(window: Size, canvas: Size, seed: int) -> tuple[View, ...]:
    """The next cell of a random order that is still bare is a random bare cell."""
    height, width = (min(pair) for pair in zip(window, canvas, strict=True))
    order = torch.randperm(canvas.area, generator=Generator().manual_seed(seed))
    unclaimed, views = Unclaimed(canvas), []
    for cells in order.split(1 << 16):
        while len(cells := unclaimed.free(cells)):
            row, col = divmod(int(cells[0]), canvas.width)
            top = min(max(row - height // 2, 0), canvas.height - height)
            left = min(max(col - width // 2, 0), canvas.width - width)
            views.append(View(top, left, height, width))
            unclaimed.claim(views[-1])
    return tuple(views)
