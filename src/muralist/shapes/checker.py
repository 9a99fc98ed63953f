"""Reads pictures of the shapes world: background, objects, their colours, shapes and places.

It knows the names' colours and the shapes' outlines, and nothing of how pictures are made, so that
it can judge a model that learned from the renderer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from muralist.canvas import Size
from muralist.shapes.areas import Area, connected, filled, opened
from muralist.shapes.likeness import OUTLINES, likeness

# Name: red, green, blue in [0, 1]; darkest and brightest multiple that still has the name.
PALETTE: dict[str, tuple[tuple[float, float, float], float, float]] = {
    "red": ((0.86, 0.10, 0.12), 0.35, 1.15),
    "orange": ((1.00, 0.52, 0.05), 0.35, 1.0),
    "yellow": ((0.98, 0.88, 0.12), 0.35, 1.0),
    "green": ((0.12, 0.62, 0.22), 0.35, 1.2),
    "cyan": ((0.20, 0.82, 0.88), 0.35, 1.1),
    "blue": ((0.12, 0.25, 0.85), 0.35, 1.15),
    "purple": ((0.52, 0.16, 0.72), 0.35, 1.2),
    "pink": ((0.98, 0.66, 0.80), 0.82, 1.02),
    "white": ((0.95, 0.95, 0.95), 0.80, 1.05),
    "grey": ((0.50, 0.50, 0.50), 0.75, 1.2),
    "black": ((0.06, 0.06, 0.06), 0.0, 1.5),
}
NAMES = tuple(PALETTE)

UNCLEAR = "unclear"  # what an outline that is like none is called
LEAST_LIKENESS = 0.6  # drawn outlines have 0.89 and more

SMALLEST = 0.012  # share of a native picture from which on something is an object
NATIVE = 128  # pixels along the longer side of a native picture
NATIVE_OBJECT = 0.22 * NATIVE**2  # pixels of a typical object in a square one
HOLE = 0.05  # share of an area that a hole may be and is filled: dots, not a ring's middle


@dataclass(frozen=True, eq=False)
class Found:
    """An object in a picture, or a piece of one. Places are shares of its width and height."""

    colour: str
    shape: str  # or "unclear"
    likeness: float  # of the outline to the shape's: intersection over union
    x: float  # of the middle of its pixels
    y: float
    share: float  # of the picture
    touches: bool  # the picture's border
    area: Area = field(repr=False)

    @property
    def pixels(self) -> int:
        return self.area.pixels


@dataclass(frozen=True)
class Reading:
    """What a picture shows: its background's colour, and its objects from left to right."""

    background: str
    objects: tuple[Found, ...]


def read(image: Tensor, smallest: float = SMALLEST) -> Reading:
    """Reads a picture `3 H W` in [-1, 1]; objects are areas of at least `smallest` of it."""
    background, found = areas_of(image, smallest * image[0].numel())
    return Reading(background, tuple(sorted(found, key=lambda one: one.x)))


def count_objects(image: Tensor, colour: str, least: float = 0.15 * NATIVE_OBJECT) -> int:
    """How many connected areas of a colour have at least `least` pixels.

    The default is 15 % of a native picture's object: pictures of any size are counted alike,
    because objects that are repeated by windows have about the native size.
    """
    labels = _labels(image)
    return sum(1 for _ in _areas(labels, {colour}, least))


def areas_of(image: Tensor, least: float) -> tuple[str, list[Found]]:
    """The background of a picture `3 H W`, and every area of another colour, `least` pixels up."""
    labels = _labels(image)
    background = _border_colour(labels)
    others = {*NAMES} - {background}
    size = Size(*labels.shape)
    return background, [found(area, name, size) for name, area in _areas(labels, others, least)]


def found(area: Area, colour: str, size: Size) -> Found:
    """What an area of a picture of that many pixels is."""
    alike = likeness(area)
    best = int(alike.argmax())
    y, x = area.centre
    return Found(
        colour,
        OUTLINES[best] if alike[best] >= LEAST_LIKENESS else UNCLEAR,
        float(alike[best]),
        x / size.width,
        y / size.height,
        area.pixels / size.area,
        area.touches(size),
        area,
    )


def _labels(image: Tensor) -> Tensor:
    """Number of the nearest colour for every pixel `H W`; a colour is a segment of its shades."""
    pixels = ((image.float().clamp(-1, 1) + 1) / 2).flatten(1)
    labels = torch.zeros(pixels.shape[1], dtype=torch.uint8)
    least = torch.full((pixels.shape[1],), torch.inf)
    for number, (rgb, darkest, brightest) in enumerate(PALETTE.values()):
        colour = torch.tensor(rgb)
        shade = (colour / colour.square().sum() @ pixels).clamp_(darkest, brightest)
        nearest = ((shade * value).clamp_(max=1) for value in rgb)
        distance = torch.zeros_like(least)
        for channel, value in zip(pixels, nearest, strict=True):
            distance += (channel - value).square_()
        labels[distance < least] = number
        least = torch.minimum(least, distance)
    return labels.view(image.shape[1:])


def _border_colour(labels: Tensor) -> str:
    wide = max(1, min(labels.shape) // 40)
    sides = labels[:wide], labels[-wide:], labels[:, :wide], labels[:, -wide:]
    border = torch.cat([side.flatten() for side in sides])
    return NAMES[int(border.bincount(minlength=len(NAMES)).argmax())]


def _areas(labels: Tensor, colours: set[str], least: float) -> Iterator[tuple[str, Area]]:
    """Connected areas of at least `least` pixels, without seams and without specks.

    Between two colours there may be a thin line of a third one, so each colour is opened first.
    """
    radius = max(1, round(max(labels.shape) / (2 * NATIVE)))
    kept = torch.zeros_like(labels)
    for number, colour in enumerate(NAMES):
        if colour in colours and (mask := labels == number).sum() >= least:
            kept[opened(mask, radius)] = number + 1
    for label, area in connected(kept, least):
        yield NAMES[label - 1], filled(area, HOLE)
