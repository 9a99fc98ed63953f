"""How much a mask is like each of the world's outlines."""

import math
from functools import cache

import torch
from torch import Tensor

from muralist.shapes.areas import Area

OUTLINES = ("circle", "square", "triangle", "star", "ring")

GRID = 48  # points per side at which outlines are compared
REACH = 1.25  # half the side of that grid, in square roots of the object's area


def likeness(area: Area) -> Tensor:
    """Intersection over union with each outline, at its best angle and at equal area and centre."""
    scale = math.sqrt(area.pixels)
    y, x = area.centre
    steps = _steps() * scale
    rows, columns = (y - area.top + steps).floor().long(), (x - area.left + steps).floor().long()
    height, width = area.mask.shape
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    sampled = (area.mask[rows][:, columns] & inside)[None, None]
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
