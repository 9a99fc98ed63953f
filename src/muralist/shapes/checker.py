"""Reads pictures of the shapes world: background, objects, their colours, shapes and places.

It knows the names' colours and the shapes' outlines, and nothing of how pictures are made, so that
it can judge a model that learned from the renderer.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

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
OUTLINES = ("circle", "square", "triangle", "star", "ring")

UNCLEAR = "unclear"  # what an outline that is like none is called
LEAST_LIKENESS = 0.6  # drawn outlines have 0.89 and more

NATIVE_OBJECT = 0.22 * 128**2  # pixels of a typical object in a native picture
GRID = 48  # points per side at which outlines are compared
REACH = 1.25  # half the side of that grid, in square roots of the object's area


@dataclass(frozen=True)
class Found:
    """An object in a picture. Places are shares of the picture's width and height."""

    colour: str
    shape: str  # or "unclear"
    likeness: float  # of the outline to the shape's: intersection over union
    x: float
    y: float
    area: float  # share of the picture


@dataclass(frozen=True)
class Reading:
    """What a picture shows: its background's colour, and its objects from left to right."""

    background: str
    objects: tuple[Found, ...]


def read(image: Tensor, smallest: float = 0.012) -> Reading:
    """Reads a picture `3 H W` in [-1, 1]; objects cover at least `smallest` of it."""
    labels = _labels(image)
    background = _border_colour(labels)
    least = smallest * labels.numel()
    objects = [
        _found(mask, colour)
        for colour in NAMES
        if colour != background
        for mask in _objects(labels == NAMES.index(colour), least)
    ]
    return Reading(background, tuple(sorted(objects, key=lambda found: found.x)))


def count_objects(image: Tensor, colour: str, least: float = 0.15 * NATIVE_OBJECT) -> int:
    """How many connected areas of a colour have at least `least` pixels.

    The default is 15 % of a native picture's object: pictures of any size are counted alike,
    because objects that are repeated by windows have about the native size.
    """
    labels = _labels(image)
    return sum(1 for _ in _objects(labels == NAMES.index(colour), least))


def _labels(image: Tensor) -> Tensor:
    """Number of the nearest colour for every pixel `H W`; a colour is a segment of its shades."""
    pixels = (image.float().clamp(-1, 1) + 1) / 2
    distances = []
    for rgb, darkest, brightest in PALETTE.values():
        colour = torch.tensor(rgb).view(3, 1, 1)
        shade = (pixels * colour).sum(0) / colour.square().sum()
        nearest = shade.clamp(darkest, brightest)[None] * colour
        distances.append((pixels - nearest.clamp(max=1)).square().sum(0))
    return torch.stack(distances).argmin(0)


def _border_colour(labels: Tensor) -> str:
    wide = max(1, min(labels.shape) // 40)
    sides = labels[:wide], labels[-wide:], labels[:, :wide], labels[:, -wide:]
    border = torch.cat([side.flatten() for side in sides])
    return NAMES[int(border.bincount(minlength=len(NAMES)).argmax())]


def _objects(mask: Tensor, least: float) -> Iterator[Tensor]:
    """Masks of connected areas of at least `least` pixels, without seams and without specks.

    Between two colours there may be a thin line of a third one, so the mask is opened first.
    """
    if mask.sum() < least:
        return
    radius = max(1, round(min(mask.shape) / 128))
    for area in areas(_dilate(~_dilate(~mask, radius), radius) & mask, least):
        yield _without_holes(area)


def areas(mask: Tensor, least: float = 1) -> list[Tensor]:
    """The connected parts of a mask `H W` that have at least `least` pixels, each as a mask.

    Pixels are connected side by side, not corner to corner.
    """
    labels = _numbered(mask)
    sizes = labels.flatten().bincount()
    return [labels == number for number in range(1, len(sizes)) if sizes[number] >= least]


def _numbered(mask: Tensor) -> Tensor:
    """Areas of a mask `H W` numbered from 1, by joining the runs of each row to those above."""
    runs, parents = _runs(mask), []
    above: list[tuple[int, int, int]] = []
    placed = []
    for y, row in enumerate(runs):
        here = []
        for start, end in row:
            name = len(parents)
            parents.append(name)
            here.append((start, end, name))
            for left, right, other in above:
                if left < end and start < right:
                    parents[_root(parents, name)] = _root(parents, other)
        placed += [(y, *run) for run in here]
        above = here
    numbers = {root: n + 1 for n, root in enumerate(sorted({_root(parents, p) for p in parents}))}
    labels = torch.zeros(mask.shape, dtype=torch.int64)
    for y, start, end, name in placed:
        labels[y, start:end] = numbers[_root(parents, name)]
    return labels


def _runs(mask: Tensor) -> list[list[tuple[int, int]]]:
    """Start and end of each run of true pixels, row by row."""
    edges = F.pad(mask.to(torch.int8), (1, 1)).diff(dim=1).nonzero().tolist()
    rows: list[list[tuple[int, int]]] = [[] for _ in range(mask.shape[0])]
    for (y, start), (_, end) in zip(edges[::2], edges[1::2], strict=True):
        rows[y].append((start, end))
    return rows


def _root(parents: list[int], name: int) -> int:
    while parents[name] != name:
        parents[name] = parents[parents[name]]
        name = parents[name]
    return name


def _dilate(mask: Tensor, radius: int) -> Tensor:
    side = 2 * radius + 1
    grown = F.max_pool2d(mask[None].float(), (side, 1), 1, (radius, 0))
    return F.max_pool2d(grown, (1, side), 1, (0, radius))[0] > 0


def _without_holes(mask: Tensor, largest: float = 0.05) -> Tensor:
    """Fills the holes that are smaller than a share of the area: dots, not a ring's middle."""
    ys, xs = mask.nonzero().unbind(1)
    top, bottom, left, right = ys.min(), ys.max() + 1, xs.min(), xs.max() + 1
    window = mask[top:bottom, left:right]
    filled = mask.clone()
    labels = _numbered(~window)
    small = labels.flatten().bincount() < largest * mask.sum()
    small[torch.cat([labels[0], labels[-1], labels[:, 0], labels[:, -1]]).unique()] = False
    small[0] = False
    filled[top:bottom, left:right] |= small[labels]
    return filled


def _found(mask: Tensor, colour: str) -> Found:
    ys, xs = mask.nonzero().float().add(0.5).unbind(1)
    y, x = float(ys.mean()), float(xs.mean())
    likeness = _likeness(mask, y, x)
    best = int(likeness.argmax())
    return Found(
        colour,
        OUTLINES[best] if likeness[best] >= LEAST_LIKENESS else UNCLEAR,
        float(likeness[best]),
        x / mask.shape[1],
        y / mask.shape[0],
        float(mask.float().mean()),
    )


def _likeness(mask: Tensor, y: float, x: float) -> Tensor:
    """Intersection over union with each outline at its best angle, at equal area and centre."""
    scale = math.sqrt(float(mask.sum()))
    steps = _steps() * scale
    rows, columns = (y + steps).floor().long(), (x + steps).floor().long()
    inside = ((rows >= 0) & (rows < mask.shape[0]))[:, None]
    inside = inside & ((columns >= 0) & (columns < mask.shape[1]))
    rows, columns = rows.clamp(0, mask.shape[0] - 1), columns.clamp(0, mask.shape[1] - 1)
    sampled = (mask[rows][:, columns] & inside)[None, None]
    templates = _templates()
    common = (templates & sampled).sum((2, 3))
    return (common / (templates | sampled).sum((2, 3))).amax(1)


def _steps() -> Tensor:
    return (torch.arange(GRID) + 0.5) / GRID * 2 * REACH - REACH


@cache
def _templates() -> Tensor:
    """Outlines of area 1 at angles 4 degrees apart: shape, angle, row, column."""
    y, x = torch.meshgrid(_steps(), _steps(), indexing="ij")
    angles = torch.arange(-60, 60, 4).deg2rad().view(-1, 1, 1)
    x, y = x * angles.cos() + y * angles.sin(), y * angles.cos() - x * angles.sin()
    away = (x.square() + y.square()).sqrt()
    outer = 1 / math.sqrt(math.pi * (1 - 0.49**2))
    return torch.stack(
        [
            away < 1 / math.sqrt(math.pi),
            (x.abs() < 0.5) & (y.abs() < 0.5),
            _star(x, y, 3, 0.5),
            _star(x, y, 5, 0.46),
            (away < outer) & (away > 0.49 * outer),
        ]
    )


def _star(x: Tensor, y: Tensor, points: int, waist: float) -> Tensor:
    """A star of area 1 with one point up; at a waist of 0.5 three points make a triangle."""
    half = math.pi / points
    tip = 1 / math.sqrt(points * waist * math.sin(half))
    turn = (torch.atan2(x, -y).remainder(2 * half) - half).abs()
    # From the notch at angle 0 to the tip at angle `half`, along a straight edge.
    u, v = (x.square() + y.square()).sqrt() * turn.cos(), torch.hypot(x, y) * turn.sin()
    notch, tip_u, tip_v = waist * tip, tip * math.cos(half), tip * math.sin(half)
    return (u - notch) * tip_v < v * (tip_u - notch)
