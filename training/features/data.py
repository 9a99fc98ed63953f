"""The examples: windows on random scenes at random zooms, what is in every cell, and what is wrong.

An example is a function of the seed. What is there is had from the renderer, by drawing each thing
alone in white on black.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from muralist.bench.network import STRIDE
from muralist.shapes.render import NATIVE, render
from muralist.shapes.scene import MATERIALS, RGB, SHAPES, Scene, Thing, random_scene
from training.features.flaws import MARGIN, Drawn, spoil

NAMES = tuple(RGB)
SIDES = (64, 96, 128)  # pixels of the windows; a batch has one


@dataclass(frozen=True)
class Examples:
    """A batch of windows, and what a network is to tell of them."""

    pictures: Tensor  # B 3 S S in [-1, 1]
    colours: Tensor  # B 11 s s: shares of every cell
    shapes: Tensor  # B 6 s s, the background last
    materials: Tensor  # B 4 s s, the background last
    looks: Tensor  # B 4 s s: mean colour and fine detail of every cell
    seams: Tensor  # B 1 s s: the jump across a seam
    wrong: Tensor  # B 6: zoom, and how strong each flaw is, in [0, 1]


def examples(seed: int, count: int, side: int, flaws: bool = True) -> Examples:
    """`count` windows of `side` pixels; without flaws all of them are true."""
    draw = random.Random(seed)
    scenes = [random_scene(draw) for _ in range(count)]
    zooms = [1.0 if draw.random() < 0.3 else draw.uniform(1.0, 4.5) for _ in scenes]
    places = [_place(draw, scene, zoom, side) for scene, zoom in zip(scenes, zooms, strict=True)]
    drawn = _drawn(scenes, side + 2 * MARGIN, zooms, places)
    spoilt = [spoil(draw, one, side, flaws) for one in drawn]
    pictures = torch.stack([one.picture for one in spoilt])
    zoom = torch.tensor([math.log(zoom) / math.log(4.5) for zoom in zooms])
    strengths = torch.tensor([one.strengths for one in spoilt])
    return Examples(
        pictures,
        *_shares(scenes, torch.stack([one.covers for one in spoilt])),
        _looks(pictures),
        _cells(torch.stack([one.seam for one in spoilt])) * STRIDE,
        torch.cat([zoom[:, None], strengths], 1),
    )


def windows(seed: int, count: int, side: int) -> Tensor:
    """True windows alone, `count 3 side side`."""
    return examples(seed, count, side, flaws=False).pictures


def _place(draw: random.Random, scene: Scene, zoom: float, side: int) -> tuple[float, float]:
    """Top and left of a window, mostly near a thing's outline, else anywhere."""
    if side == NATIVE and zoom == 1:
        return 0.0, 0.0
    if draw.random() < 0.2:
        return tuple(draw.uniform(0, max(0.0, NATIVE * zoom - side)) for _ in range(2))
    thing = draw.choice(scene.things)
    around, away = draw.uniform(0, 2 * math.pi), draw.uniform(0.2, 1.3) * thing.radius
    centre = thing.y + away * math.sin(around), thing.x + away * math.cos(around)
    top, left = (NATIVE * zoom * at - side / 2 for at in centre)
    return top, left


def _drawn(
    scenes: Sequence[Scene], side: int, zooms: Sequence[float], places: Sequence[tuple]
) -> list[Drawn]:
    top, left = ([place[i] - MARGIN for place in places] for i in range(2))
    pictures = render(scenes, (side, side), zooms, top, left)
    covers = torch.cat([_cover(scenes, slot, side, zooms, top, left) for slot in range(2)], 1)
    return [Drawn(*one) for one in zip(pictures, covers, strict=True)]


def _cover(
    scenes: Sequence[Scene],
    slot: int,
    side: int,
    zooms: Sequence[float],
    top: Sequence[float],
    left: Sequence[float],
) -> Tensor:
    """How much of every pixel a thing covers, `B 1 side side`; drawn at half the size, in haste."""
    places = ([at / 2 for at in each] for each in (zooms, top, left))
    white, black = RGB["white"][0], RGB["black"][0]
    drawn = render([_alone(scene, slot) for scene in scenes], (side // 2, side // 2), *places)
    shares = ((drawn[:, :1] + 1) / 2 - black) / (white - black)
    return F.interpolate(shares, scale_factor=2)


def _alone(scene: Scene, slot: int) -> Scene:
    """One thing of a scene in white on black; nothing if there is none of that number."""
    things: tuple[Thing, ...] = scene.things[slot : slot + 1]
    white = tuple(replace(thing, colour="white", material="plain") for thing in things)
    return Scene(white, "black", width=scene.width, height=scene.height)


def _shares(scenes: Sequence[Scene], covers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What colours, shapes and materials every cell is made of, from the things' covers."""
    cells = _cells(covers)
    rest = (1 - cells.sum(1)).clamp(min=0)
    parts = [cells.new_zeros(len(scenes), n, *cells.shape[2:]) for n in (11, 6, 4)]
    for row, scene in enumerate(scenes):
        for slot, thing in enumerate(scene.things):
            numbers = (
                NAMES.index(thing.colour),
                SHAPES.index(thing.shape),
                MATERIALS.index(thing.material),
            )
            for part, number in zip(parts, numbers, strict=True):
                part[row, number] += cells[row, slot]
        parts[0][row, NAMES.index(scene.background)] += rest[row]
    parts[1][:, -1], parts[2][:, -1] = rest, rest
    colours, shapes, materials = (part / part.sum(1, keepdim=True) for part in parts)
    return colours, shapes, materials


def _looks(pictures: Tensor) -> Tensor:
    """Mean colour of every cell, and the logarithm of its fine detail, about in [-1, 1]."""
    fine = pictures - F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)
    detail = (_cells(fine.abs().mean(1, keepdim=True)) + 1e-3).log10() / 1.5 + 1
    return torch.cat([_cells(pictures), detail], 1)


def _cells(pictures: Tensor) -> Tensor:
    return F.avg_pool2d(pictures, STRIDE)
