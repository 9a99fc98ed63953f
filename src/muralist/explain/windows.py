"""Jittered windows, and how often each cell is seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from muralist.canvas import Size, View
from muralist.explain.moment import asked, steps
from muralist.explain.palette import PALETTES, Palette, Theme, mixed
from muralist.explain.plate import Panel, magnified, plate, room
from muralist.methods import DemoFusion
from muralist.settings import setting, validate
from muralist.views import Grid

__all__ = ["Windows"]

_CANVAS = Size(48, 84)
_STEPS = 50


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Many windows see each cell, and they move at each step, lest their borders show.

    A canvas that is larger than what a model was trained for is painted through windows of the size
    it knows. They overlap, and what they say of the same cell is averaged (MultiDiffusion, Bar-Tal
    et al., 2023): a cell in the middle is seen by several, one in a corner by one. Where a window
    ends, the number changes from one cell to the next, and over many steps that can be seen as a
    line in the picture. DemoFusion (Du et al., 2024) therefore moves every window at random at
    every step, by a few cells (jitter): borders are somewhere else each time, and are spread out.
    Windows at the edge of the canvas hold still across it, and so do their inner ends; with
    `overhang` they move outwards, over zeros, as in DemoFusion's release.
    """

    window: int = setting(24, "side of a window, in latent cells", low=8, high=48)
    stride: int = setting(12, "cells from one window to the next, before they move", low=4, high=48)
    jitter: int = setting(
        3, "cells by which windows move, at most; up to half the overlap", low=0, high=22
    )
    overhang: bool = setting(
        False, "move border windows too, outwards over zeros, as released; they hold still if not"
    )
    step: int = setting(1, "of 50, that is shown at the top", low=1, high=_STEPS)
    seed: int = setting(0, "what is drawn at random follows from it", low=0, high=99)
    theme: Theme = setting("light", "paper")

    quick: ClassVar = True

    def __post_init__(self) -> None:
        validate(self)
        self.grid  # whose own limits are those of what is held  # noqa: B018

    def __call__(self) -> np.ndarray:
        palette, width = PALETTES[self.theme], room(2)
        views = self.views(self.step)
        every = [view for step in range(1, _STEPS + 1) for view in self.views(step)]
        once, often, ends = seen(views), seen(every) / _STEPS, borders(every) / _STEPS
        most = float(max(once.max(), often.max()))
        low, high = (float(each) for each in (often.min(), often.max()))
        return plate(
            [
                Panel(
                    _outlined(views, width, palette),
                    f"The {len(views)} windows of step {self.step}",
                    "one of them filled, to be followed from step to step",
                ),
                Panel(
                    magnified(palette.heated(once / most), width),
                    "How often each cell is seen then",
                    f"{once.min():.0f} to {once.max():.0f} times",
                ),
                Panel(
                    magnified(palette.heated(often / most), width),
                    f"The same, as the mean of {_STEPS} steps",
                    f"{low:.1f} to {high:.1f} times; jitter makes slopes of edges",
                ),
                Panel(
                    magnified(palette.heated(ends / 2), width),
                    f"Where windows end, as the mean of {_STEPS} steps",
                    f"{float(ends.max()):.1f} times at most; what stays in one place is a seam",
                ),
            ],
            2,
            palette,
        )

    @property
    def grid(self) -> Grid:
        """The windows, as DemoFusion makes them."""
        method = DemoFusion(
            window=self.window, stride=self.stride, jitter=self.jitter, overhang=self.overhang
        )
        return method.windows(Size(self.window, self.window))

    def views(self, step: int) -> list[View]:
        """Those of a step, counted from 1."""
        return self.grid(asked(steps(_STEPS)[step - 1], _CANVAS, self.seed))


def seen(views: Sequence[View], canvas: Size = _CANVAS) -> Tensor:
    """How many of the views see each cell of the canvas: `H W`."""
    return _counted(views, canvas, lambda view: torch.ones(view.height, view.width))


def borders(views: Sequence[View], canvas: Size = _CANVAS) -> Tensor:
    """How many of the views end at each cell, but for the canvas's own border: `H W`."""
    total = _counted(views, canvas, _rim)
    inside = torch.zeros_like(total)
    inside[1:-1, 1:-1] = total[1:-1, 1:-1]
    return inside


def _counted(views: Sequence[View], canvas: Size, mark: Callable[[View], Tensor]) -> Tensor:
    total = torch.zeros(*canvas)
    for view in views:
        view.add(total, mark(view))
    return total


def _rim(view: View) -> Tensor:
    rim = torch.ones(view.height, view.width)
    rim[1:-1, 1:-1] = 0
    return rim


def _outlined(views: Sequence[View], width: int, palette: Palette) -> np.ndarray:
    """The windows on the canvas; a gap shows where they are not."""
    side = width / _CANVAS.width
    size = width, round(_CANVAS.height * side)
    image = Image.new("RGB", size, palette.heat[0])
    draw = ImageDraw.Draw(image)
    one = views[len(views) // 2]
    draw.rectangle(_ends(one, side), mixed(palette.paper, palette.second, 0.35))
    for view in views:
        draw.rectangle(_ends(view, side), outline=palette.first, width=3)
    draw.rectangle(_ends(one, side), outline=palette.second, width=5)
    return np.asarray(image)


def _ends(view: View, side: float) -> tuple[float, float, float, float]:
    """Left, top, right, bottom in pixels, a hair inside, so that neighbours can be told apart."""
    top, left, height, width = (each * side for each in view[:4])
    return left + 2, top + 2, left + width - 3, top + height - 3
