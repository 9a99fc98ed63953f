"""Values over the steps of a run: curves, and parts of a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from muralist.explain.palette import Colour, Palette, mixed
from muralist.explain.plate import sized

__all__ = ["Curve", "curves", "shares"]

_FINER = 3  # fields are drawn larger, and shrunk: PIL's lines have no soft edges


class Curve(NamedTuple):
    """A name and a value, 0 to 1, for each step."""

    name: str
    values: Sequence[float]
    colour: Colour


@dataclass(frozen=True)
class _Field:
    """A picture of so many pixels, where steps go right and values, 0 to 1, go up."""

    width: int
    height: int
    steps: int

    left, top, right, bottom = 46, 14, 14, 40  # pixels beside the field

    def at(self, step: float, value: float) -> tuple[float, float]:
        wide = self.width - self.left - self.right
        high = self.height - self.top - self.bottom
        x = self.left + wide * step / max(self.steps - 1, 1)
        return x * _FINER, (self.top + high * (1 - value)) * _FINER

    def line(self, values: Sequence[float]) -> list[tuple[float, float]]:
        return [self.at(step, value) for step, value in enumerate(values)]

    def shrunk(self, image: Image.Image, palette: Palette) -> Image.Image:
        """The picture, with its axes said."""
        small = image.resize((self.width, self.height), Image.Resampling.LANCZOS)
        draw, font = ImageDraw.Draw(small), sized(18)
        for value in (0, 0.5, 1):
            y = self.at(0, value)[1] / _FINER
            draw.text((self.left - 10, y), f"{value:g}", palette.quiet, font, anchor="rm")
        low = self.height - self.bottom + 12
        right = self.width - self.right
        draw.text((self.left, low), "step 1: noise", palette.quiet, font)
        last = f"step {self.steps}: picture"
        draw.text((right, low), last, palette.quiet, font, anchor="ra")
        return small


def curves(
    width: int, height: int, known: Sequence[Curve], at: int, palette: Palette
) -> np.ndarray:
    """Curves from the first step at the left to the last at the right, marked at step `at`."""
    field, image, draw = _begun(width, height, known[0], palette)
    last = field.steps - 1
    for value in (0, 0.5, 1):
        draw.line([field.at(0, value), field.at(last, value)], palette.rule, _FINER)
    _mark(field, draw, at, palette)
    for number, curve in reversed(list(enumerate(known))):  # wider below: equal ones can be seen
        draw.line(field.line(curve.values), curve.colour, (4 + 3 * number) * _FINER, joint="curve")
    for number, curve in reversed(list(enumerate(known))):
        (x, y), r = field.at(at, curve.values[at]), (8 + 2 * number) * _FINER
        draw.ellipse((x - r, y - r, x + r, y + r), curve.colour, palette.paper, 2 * _FINER)
    small = field.shrunk(image, palette)
    words = ImageDraw.Draw(small)
    for number, curve in enumerate(known):
        text = f"{curve.name}: {curve.values[at]:.2f}"
        place = width - field.right - 6, field.top + 10 + 32 * number
        words.text(place, text, curve.colour, sized(22), anchor="ra")
    return np.asarray(small)


def shares(
    width: int, height: int, below: Curve, above: Curve, at: int, palette: Palette
) -> np.ndarray:
    """Two parts of a whole, one upon the other: the values of `below` are how high it reaches."""
    field, image, draw = _begun(width, height, below, palette)
    last = field.steps - 1
    ends = [field.at(last, 0), field.at(0, 0)]
    draw.rectangle([field.at(0, 1), field.at(last, 0)], mixed(palette.paper, above.colour, 0.4))
    draw.polygon([*field.line(below.values), *ends], mixed(palette.paper, below.colour, 0.7))
    _mark(field, draw, at, palette)
    small = field.shrunk(image, palette)
    words, font = ImageDraw.Draw(small), sized(20)
    left, low = field.left + 14, height - field.bottom - 14
    words.text((left, low), below.name, palette.ink, font, anchor="ls")
    right = width - field.right - 14
    words.text((right, field.top + 14), above.name, palette.ink, font, anchor="ra")
    return np.asarray(small)


def _begun(
    width: int, height: int, curve: Curve, palette: Palette
) -> tuple[_Field, Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width * _FINER, height * _FINER), palette.paper)
    return _Field(width, height, len(curve.values)), image, ImageDraw.Draw(image)


def _mark(field: _Field, draw: ImageDraw.ImageDraw, at: int, palette: Palette) -> None:
    draw.line([field.at(at, 0), field.at(at, 1)], palette.quiet, 2 * _FINER)
