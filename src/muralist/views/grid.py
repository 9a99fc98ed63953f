"""Overlapping windows, jittered or closed into a ring."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from muralist.canvas import Size, View
from muralist.errors import BadRequest
from muralist.query import Query

__all__ = ["Grid"]


@dataclass(frozen=True)
class Grid:
    """Windows a stride apart, the last ones moved back to end at the border, in reading order.

    An axis shorter than the window is seen whole. `jitter` moves windows by up to so many cells,
    drawn anew at each step (DemoFusion, random jitter). Windows at a border hold still across it,
    so that every cell stays covered; with `overhang` they move outwards and see zeros there, as in
    DemoFusion's release. With `wrap` the columns close into a ring and windows go round it, so
    that a panorama has no border.

    `window` is in latent cells; `stride` is 1 to the shorter side of the window; `jitter` is 0
    to half the overlap, beyond which neighbours could part.
    """

    window: Size
    stride: int
    jitter: int = 0
    overhang: bool = False
    wrap: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.stride <= min(self.window):
            raise BadRequest(
                f"stride is {self.stride} latent cells; 1 to {min(self.window)} (the window) leave"
                " no gap"
            )
        most = (min(self.window) - self.stride) // 2
        if not 0 <= self.jitter <= most:
            raise BadRequest(
                f"jitter is {self.jitter} latent cells; 0 to {most} (half the overlap) leave no gap"
            )

    @classmethod
    def of(
        cls,
        native: Size,
        window: int | None,
        stride: int | None,
        jitter: int | None = 0,
        overhang: bool = False,
        wrap: bool = False,
    ) -> "Grid":
        """Unset: native windows, half a window apart, jittered by a quarter of their overlap."""
        size = Size(window, window) if window else native
        grid = cls(size, stride or max(min(size) // 2, 1), jitter or 0, overhang, wrap)
        return replace(grid, jitter=grid.quarter_overlap) if jitter is None else grid

    @property
    def quarter_overlap(self) -> int:
        """DemoFusion's jitter, and the frame its published code adds to crop coordinates."""
        return (min(self.window) - self.stride) // 4

    def __call__(self, q: Query) -> list[View]:
        height = min(self.window.height, q.canvas.height)
        width = min(self.window.width, q.canvas.width)
        wrap = self.wrap and q.canvas.width > width
        tops = self._starts(height, q.canvas.height)
        lefts = self._starts(width, q.canvas.width, wrap)
        draws = torch.rand(len(tops), len(lefts), 2, generator=q.rng("jitter")).double()
        down = self._nudged(tops, height, q.canvas.height, draws[..., 0].T).T
        right = self._nudged(lefts, width, q.canvas.width, draws[..., 1], free=wrap)
        places = zip(down.flatten().tolist(), right.flatten().tolist(), strict=True)
        return [View(top, left, height, width, 1, wrap) for top, left in places]

    def _starts(self, window: int, extent: int, wrap: bool = False) -> list[int]:
        if wrap:
            return list(range(0, extent, self.stride))
        last = extent - window
        return [*range(0, last, self.stride), last]

    def _nudged(
        self, starts: list[int], window: int, extent: int, draws: Tensor, free: bool = False
    ) -> Tensor:
        """Each start, moved as the draws say: `... starts`, uniform on [0, 1).

        Every whole distance in reach is equally likely.
        """
        at = torch.tensor(starts)
        before, after = at, extent - window - at
        low = torch.where((after > 0) | free, -self.jitter, 0)
        high = torch.where((before > 0) | free, self.jitter, 0)
        if not (free or self.overhang):
            low, high = low.maximum(-before), high.minimum(after)
        return at + low + (draws * (high - low + 1)).long()
