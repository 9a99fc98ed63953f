"""The reference's phases, and its samples on a checkerboard."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from muralist.canvas import Size, Unclaimed, View
from muralist.guides.reference import Reference
from muralist.query import Cond, Estimate, Query, Ramp, Step, Views

__all__ = ["Checkerboard", "PhaseMix"]


@dataclass(frozen=True)
class PhaseMix:
    """Keeps the amplitudes of each view and turns its phases half way to the reference's.

    Only in the cells that a view owns in the plan of `views`; it sees the others as they are
    (Pixelsmith, with the slider). While `active` is above 0; never at the first step, where the
    canvas is the reference.
    """

    reference: Reference
    active: Ramp
    views: Views

    def __call__(self, x: Tensor, q: Query) -> Tensor:
        if q.step.index == 0 or not self.active(q.step):
            return x
        own = _owned(self.views, q.step, q.canvas, q.seed, q.stage)
        mine = torch.stack([own[view] for view in q.views])[:, None]
        mixed = half_way(x, self.reference.seen(q.views, x).at(q.step).x)
        return torch.where(mine.to(x.device, non_blocking=True), mixed, x)


@lru_cache(maxsize=1)  # one step's, for all of its batches
def _owned(views: Views, step: Step, canvas: Size, seed: int, stage: int) -> Mapping[View, Tensor]:
    """The cells of each view of a step's plan that none before it sees."""
    asked = Query(step, Cond(torch.empty(0)), canvas, final=canvas, seed=seed, stage=stage)
    unclaimed = Unclaimed(canvas)
    return {view: unclaimed.claim(view) for view in views(asked)}


def half_way(x: Tensor, guide: Tensor) -> Tensor:
    """x with its amplitudes, and with phases in the middle between its own and the guide's.

    Two phases that point in opposite directions have no middle, and x keeps its own. At the mean,
    say, where phases are signs, the mean would be lost instead.
    """
    mine, theirs = (torch.fft.rfft2(each, norm="ortho") for each in (x, guide))
    own = torch.sgn(mine)
    both = own + torch.sgn(theirs)
    middle = torch.where(both.abs() > 1e-4, torch.sgn(both), own)
    return torch.fft.irfft2(mine.abs() * middle, s=x.shape[-2:], norm="ortho")


@dataclass(frozen=True)
class Checkerboard:
    """Lets every other cell of a view follow the reference, on one of two boards at random.

    While `active` is above 0, but never at the last step (Pixelsmith).
    """

    reference: Reference
    active: Ramp

    def __call__(self, estimate: Estimate, q: Query) -> Estimate:
        if not self.active(q.step) or q.step.index == q.step.count - 1:
            return estimate
        there = self.reference.seen(q.views, estimate.x).at(q.step)
        rows, cols = (
            torch.arange(side, device=estimate.x.device) for side in estimate.x.shape[-2:]
        )
        board = rows[:, None] + cols
        parity = torch.tensor(self.parities(q)).view(-1, 1, 1, 1)
        follows = (board + parity.to(board.device, non_blocking=True)) % 2 == 0
        return estimate.lerp(there, follows.to(estimate.x.dtype))

    def parities(self, q: Query) -> list[int]:
        """0 or 1 for each view, whatever batch it is in."""
        return [
            int(torch.randint(2, (), generator=q.rng(f"board/{view.top}/{view.left}")))
            for view in q.views
        ]
