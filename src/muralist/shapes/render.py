"""Scenes to pixels, at any size and for any crop, with detail that only large pictures resolve."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from muralist.shapes.scene import RGB, SHAPES, Scene, Thing

NATIVE = 128  # pixels per unit of length at zoom 1

WAVE = 1 / 12  # of the materials' first octave, in units
FINE = 1 / 48  # of the second, which a native picture cannot resolve


def picture(scene: Scene, zoom: float = 1.0) -> Tensor:
    """The whole frame of one scene, `3 H W` in [-1, 1], H and W being 128 * zoom per unit."""
    size = round(scene.height * NATIVE * zoom), round(scene.width * NATIVE * zoom)
    return render([scene], size, zoom)[0]


def render(
    scenes: Sequence[Scene],
    size: tuple[int, int],
    zoom: float | Sequence[float] = 1.0,
    top: float | Sequence[float] = 0.0,
    left: float | Sequence[float] = 0.0,
) -> Tensor:
    """Windows of `size` (height, width) pixels onto scenes: `B 3 H W`, float32 in [-1, 1].

    A scene is drawn at 128 * zoom pixels per unit, and its window starts at pixel (top, left) of
    that drawing. Windows may hang over the frame: the plane goes on there. Zoom, top and left are
    numbers, or one number per scene.
    """
    scale = NATIVE * _column(zoom, len(scenes))
    y = (torch.arange(size[0]) + 0.5).view(1, -1, 1) + _column(top, len(scenes))
    x = (torch.arange(size[1]) + 0.5).view(1, 1, -1) + _column(left, len(scenes))
    y, x = y / scale, x / scale
    image = _background(scenes, y, x)
    for slot in range(max((len(scene.things) for scene in scenes), default=0)):
        _paint(image, scenes, slot, y, x, scale)
    return image.clamp_(0, 1).mul_(2).sub_(1)


def _background(scenes: Sequence[Scene], y: Tensor, x: Tensor) -> Tensor:
    slope, slant, width, height = (
        _column([getattr(scene, name) for scene in scenes], len(scenes))
        for name in ("slope", "slant", "width", "height")
    )
    along = (x - width / 2) * slant.cos() + (y - height / 2) * slant.sin()
    light = 1 + slope * torch.tanh(1.5 * along)  # bounded: the plane has no end
    colour = torch.tensor([RGB[scene.background] for scene in scenes])
    return colour[:, :, None, None] * light[:, None]


def _paint(
    image: Tensor, scenes: Sequence[Scene], slot: int, y: Tensor, x: Tensor, scale: Tensor
) -> None:
    """Paints every scene's thing number `slot` over `image`, one shape at a time."""
    for shape in SHAPES:
        rows = [
            row
            for row, scene in enumerate(scenes)
            if len(scene.things) > slot and scene.things[slot].shape == shape
        ]
        if not rows:
            continue
        things = [scenes[row].things[slot] for row in rows]
        pixels = scale[rows]
        away = x[rows] - _field(things, "x"), y[rows] - _field(things, "y")
        outline = _OUTLINES[shape](*_turn(*away, _field(things, "turn")), _field(things, "radius"))
        cover = _cover(outline, pixels)[:, None]
        colour = torch.tensor([RGB[thing.colour] for thing in things])[:, :, None, None]
        colour = colour * _shade(things, *away, pixels)[:, None]
        image[rows] = image[rows] * (1 - cover) + colour * cover


def _shade(things: Sequence[Thing], x: Tensor, y: Tensor, scale: Tensor) -> Tensor:
    """Brightness of the materials, 1 where plain; both octaves keep their mean when blurred."""
    x, y = _turn(x, y, _field(things, "grain"))
    shade = torch.ones_like(x + y)
    for material, pattern in (("striped", _stripes), ("dotted", _dots)):
        rows = [row for row, thing in enumerate(things) if thing.material == material]
        if rows:
            at = x[rows], y[rows]
            coarse, _ = pattern(*at, WAVE, scale[rows])
            fine, mean = pattern(*at, FINE, scale[rows])
            seen = ((scale[rows] * FINE - 3) / 3).clamp(0, 1)
            shade[rows] = (1 - 0.45 * coarse) * (1 - 0.3 * (mean + (fine - mean) * seen))
    return shade


def _stripes(x: Tensor, y: Tensor, wave: float, scale: Tensor) -> tuple[Tensor, float]:
    distance = ((x / wave).remainder(1) - 0.5).abs() - 0.25
    return _cover(distance * wave, scale), 0.5


def _dots(x: Tensor, y: Tensor, wave: float, scale: Tensor) -> tuple[Tensor, float]:
    u, v = (x / wave).remainder(1) - 0.5, (y / wave).remainder(1) - 0.5
    distance = (u.square() + v.square()).sqrt() - 0.32
    return _cover(distance * wave, scale), math.pi * 0.32**2


def _cover(distance: Tensor, scale: Tensor) -> Tensor:
    """The share of each pixel inside an outline, from signed distances in units."""
    return (0.5 - distance * scale).clamp(0, 1)


def _circle(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    return (x.square() + y.square()).sqrt() - radius


def _ring(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    return ((x.square() + y.square()).sqrt() - 0.81 * radius).abs() - 0.28 * radius


def _square(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    half = 0.88 * radius
    x, y = x.abs() - half, y.abs() - half
    outside = (x.clamp(min=0).square() + y.clamp(min=0).square()).sqrt()
    return outside + torch.maximum(x, y).clamp(max=0)


def _triangle(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    return _polygon(x, y, [(1.35, 3 * k) for k in range(3)], 9, radius)


def _star(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    tips = [(1.3 if k % 2 == 0 else 0.6, k) for k in range(10)]
    return _polygon(x, y, tips, 10, radius)


def _polygon(
    x: Tensor, y: Tensor, corners: Sequence[tuple[float, int]], parts: int, radius: Tensor
) -> Tensor:
    """Signed distance to corners given as (radius, steps of 1/parts turn), the first one up."""
    x, y = x / radius, y / radius
    points = [
        (r * math.sin(2 * math.pi * k / parts), -r * math.cos(2 * math.pi * k / parts))
        for r, k in corners
    ]
    nearest = torch.full_like(x + y, math.inf)
    inside = torch.zeros_like(nearest, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        ex, ey = bx - ax, by - ay
        px, py = x - ax, y - ay
        along = ((px * ex + py * ey) / (ex * ex + ey * ey)).clamp(0, 1)
        gap = (px - ex * along).square() + (py - ey * along).square()
        nearest = torch.minimum(nearest, gap)
        crosses = (y >= ay) != (y >= by)
        if ey:
            inside ^= crosses & (x < ax + (y - ay) * (ex / ey))
    distance = nearest.sqrt()
    return torch.where(inside, -distance, distance) * radius


_OUTLINES = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "ring": _ring,
}


def _turn(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    return x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()


def _field(things: Sequence[Thing], name: str) -> Tensor:
    return torch.tensor([getattr(thing, name) for thing in things]).view(-1, 1, 1)


def _column(value: float | Sequence[float], count: int) -> Tensor:
    values = torch.as_tensor(value, dtype=torch.float32)
    return values.expand(count).reshape(-1, 1, 1)
