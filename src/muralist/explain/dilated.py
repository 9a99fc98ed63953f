"""Dilated sampling, with and without the filter."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from muralist.canvas import Size, View, gather
from muralist.explain.moment import asked, steps
from muralist.explain.palette import PALETTES, Palette, Theme, grey
from muralist.explain.plate import Panel, magnified, plate, room
from muralist.guides import Blur
from muralist.methods import DemoFusion
from muralist.query import Query
from muralist.settings import setting, validate
from muralist.views import Strided

__all__ = ["Dilated"]

_CANVAS = Size(120, 120)  # every factor divides it
_FINER = 6  # samples for each cell of the floor, along one side
_STEPS = 50
_CLOSER = View(top=34, left=48, height=24, width=24)  # shown larger, where squares become small


@dataclass(frozen=True, kw_only=True)
class Dilated:
    """Every k-th cell is a small picture of the whole; a blur keeps small pictures honest.

    A model that was trained on small pictures cannot look at a large one at once. DemoFusion (Du
    et al., 2024) lets it look at every k-th cell of the canvas, beginning at each of k x k shifts:
    so many small pictures of the same whole, each of a size the model knows. But cells that are
    left out are gone. Where the canvas has patterns finer than the distance between two samples,
    here the far end of a checkered floor, the small pictures show patterns that are not there
    (aliasing), and each shift shows others. So the canvas is blurred first, by a Gaussian that is
    wide while there is much noise and narrow at the end, and brought back to its contrast.
    """

    factor: int = setting(3, "k: every k-th cell is taken, along both sides", low=2, high=6)
    shift: int = setting(
        0,
        "which shift is shown large, in reading order; the first follows the last",
        low=0,
        high=35,
    )
    sigma: float = setting(
        0.8, "standard deviation of the blur at the first step, in cells", low=0.01, high=4
    )
    step: int = setting(1, "of 50; the blur falls with the steps", low=1, high=_STEPS)
    squares: int = setting(6, "of the floor, side by side at its front", low=2, high=24)
    theme: Theme = setting("light", "paper")

    quick: ClassVar = True

    def __post_init__(self) -> None:
        validate(self)

    def __call__(self) -> np.ndarray:
        palette, canvas = PALETTES[self.theme], self.canvas()
        sigma = self.blur.sigma(self.question.step)
        as_it_is = self.row(
            canvas, "The canvas", "in the frame: the cells that the shift takes", palette
        )
        said = f"by a Gaussian of {sigma:.2g} cells; the same ones"
        return plate(
            [*as_it_is, *self.row(self.blurred(), "The canvas, blurred", said, palette)], 3, palette
        )

    def row(self, canvas: Tensor, title: str, caption: str, palette: Palette) -> list[Panel]:
        """A canvas, and what is seen of it."""
        views, width = self.views(self.question), room(3)
        at, small = self.shift % len(views), gather(canvas, views)
        differ = f"they differ by {disagreement(small):.0%} of the contrast"
        return [
            Panel(_marked(canvas, views[at], width, palette), title, caption),
            Panel(
                magnified(grey(small[at, 0]), width),
                f"What the model sees at shift {at}",
                f"every {_nth(self.factor)} cell: {small.shape[-1]} of {canvas.shape[-1]}",
            ),
            Panel(
                _together(small, self.factor, width, palette), f"All {len(views)} shifts", differ
            ),
        ]

    @property
    def question(self) -> Query:
        return asked(steps(_STEPS)[self.step - 1], _CANVAS)

    @property
    def views(self) -> Strided:
        """The shifts, as DemoFusion's dilated path takes them."""
        return Strided(self.factor)

    @property
    def blur(self) -> Blur:
        """As DemoFusion's dilated path is shown the canvas."""
        return Blur(self.factor - 1, DemoFusion(sigma=self.sigma).blur)

    def canvas(self) -> Tensor:
        """A checkered floor up to the horizon, `1 1 H W` in [-1, 1], fine beyond all cells."""
        return floor(_CANVAS, self.squares)

    def blurred(self) -> Tensor:
        return self.blur(self.canvas(), self.question)


def floor(canvas: Size, squares: int) -> Tensor:
    """Each cell is the mean of what it covers, so that the canvas itself does not alias."""
    height, width = canvas.times(_FINER)
    rows = (torch.arange(height) + 0.5) / height
    cols = (torch.arange(width) + 0.5) / width - 0.5
    horizon = 0.2
    below = (rows - horizon).clamp(min=1e-3)[:, None]
    away, aside = (1 - horizon) / below, cols * (1 - horizon) / below
    board = ((away * squares / 2).floor() + (aside * squares).floor()) % 2 * 2 - 1
    sky = 0.75 - 0.9 * (rows / horizon)[:, None]
    fine = torch.where(rows[:, None] < horizon, sky.expand_as(board), board)
    return F.avg_pool2d(fine[None, None], _FINER)


def disagreement(small: Tensor) -> float:
    """How far the shifts lie apart, over how far the cells of one do: standard deviations."""
    return float(small.std(0, correction=0).mean() / small.std())


def _marked(canvas: Tensor, view: View, width: int, palette: Palette) -> np.ndarray:
    """The canvas, and a part of it closer, with a dot on each cell that the view takes."""
    image = Image.fromarray(magnified(grey(canvas[0, 0]), width))
    draw, side = ImageDraw.Draw(image), width / canvas.shape[-1]
    top, left, height, wide = _CLOSER[:4]
    near = magnified(grey(_CLOSER.crop(canvas)[0, 0]), width // 2)
    closer, scale = Image.fromarray(near), (width // 2) / wide
    dots = ImageDraw.Draw(closer)
    for row in range(
        view.top + -(-(top - view.top) // view.step) * view.step, top + height, view.step
    ):
        for col in range(view.left, left + wide, view.step):
            x, y, r = (col - left + 0.5) * scale, (row - top + 0.5) * scale, scale * 0.3
            dots.ellipse((x - r, y - r, x + r, y + r), palette.second)
    ends = (left * side, top * side), ((left + wide) * side, (top + height) * side)
    draw.rectangle(ends, outline=palette.second, width=3)
    corner = width - closer.width, width - closer.height
    image.paste(closer, corner)
    draw.rectangle((corner, (width - 1, width - 1)), outline=palette.second, width=3)
    return np.asarray(image)


def _together(small: Tensor, factor: int, width: int, palette: Palette) -> np.ndarray:
    """The small pictures of all shifts, in reading order."""
    rows, cols = small.shape[-2:]
    sheet = F.fold(
        small.flatten(1).T[None], (factor * rows, factor * cols), (rows, cols), stride=(rows, cols)
    )
    image = Image.fromarray(magnified(grey(sheet[0, 0]), width))
    draw = ImageDraw.Draw(image)
    for at in range(1, factor):
        place = round(at * width / factor)
        draw.line((place, 0, place, width), palette.paper, 4)
        draw.line((0, place, width, place), palette.paper, 4)
    return np.asarray(image)


def _nth(number: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(number, f"{number}th")
