"""The texture of a picture's objects, band by band, beside what their materials look like."""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from muralist.canvas import Size
from muralist.shapes.areas import connected
from muralist.shapes.render import NATIVE, render
from muralist.shapes.scene import RGB, parse_caption, scenes_of

__all__ = ["bands", "edges", "gap", "gap_of", "true_bands"]

LOWEST = 8.0  # waves per unit; materials have 12 and, where they are resolved, 48
TAPER = 1 / 12  # of a unit, in which an object's texture fades in from its outline
SHADE = (2 / 255) ** 2  # square of one shade of 8 bits: 0 dB
TRUTHS = 4  # scenes that the true texture is the mean of


def edges(size: Size) -> tuple[float, ...]:
    """Where bands begin and end, in waves per unit, of pictures of a size in pixels.

    Octaves from 8, as long as the picture's pixels hold them. The longer side is one unit.
    """
    finest = max(size) / 2
    return tuple(LOWEST * 2**k for k in range(int(math.log2(finest / LOWEST) + 1e-6) + 1))


def bands(image: Tensor, caption: str) -> tuple[float, ...]:
    """Strength of the texture of a picture `3 H W` in [-1, 1], in dB, from coarse to fine.

    For each thing of the caption, the largest area of its colour is windowed by a soft mask, and
    its power is summed over directions and over each band of `edges`: the texture's variance there,
    the mean of the channels. 0 dB is less than one shade of 8 bits, and a plain material all of it.
    Of several things, the mean. NaN where no thing is found.
    """
    things, background = parse_caption(caption)
    every = [background, *(colour for _, colour, _ in things)]
    found = [
        _strengths(image, window)
        for _, colour, _ in things
        if (window := _window(image, colour, [each for each in every if each != colour]))
        is not None
    ]
    if not found:
        return (math.nan,) * (len(edges(Size(*image.shape[1:]))) - 1)
    return tuple(torch.stack(found).mean(0).tolist())


@lru_cache(maxsize=256)
def true_bands(caption: str, size: Size) -> tuple[float, ...]:
    """The same of what a caption really looks like at a size in pixels, the mean of some scenes."""
    height, width = (side / max(size) for side in size)
    zoom = max(size) / NATIVE
    scenes = scenes_of(caption, 0, TRUTHS, width, height)
    drawn = [bands(render([scene], size, zoom)[0], caption) for scene in scenes]
    return tuple(torch.tensor(drawn).mean(0).tolist())


def gap(image: Tensor, caption: str) -> float:
    """How far a picture's texture is from the true one: mean absolute difference of bands, in dB.

    What is too faint and what is too strong count alike: an enlarged picture lacks fine bands, and
    grain has too much of them. Another true picture of the caption is less than 1 dB away.
    """
    return gap_of(bands(image, caption), caption, Size(*image.shape[1:]))


def gap_of(found: Sequence[float], caption: str, size: Size) -> float:
    """The same of bands that are measured already, of a picture of a size in pixels."""
    pairs = zip(found, true_bands(caption, size), strict=True)
    differences = [abs(mine - true) for mine, true in pairs]
    return sum(differences) / len(differences)


def _window(image: Tensor, colour: str, others: list[str]) -> Tensor | None:
    """A soft mask `H W` of the largest area of a colour; None where there is none to speak of."""
    unit = max(image.shape)
    nearest = torch.stack([_distance(image, name) for name in (colour, *others)]).argmin(0)
    areas = [area for _, area in connected(nearest == 0, (unit / 16) ** 2)]
    if not areas:
        return None
    largest = max(areas, key=lambda area: area.pixels).on(Size(*nearest.shape))
    side = round(unit * TAPER / 2) | 1
    soft = largest.float()[None, None]
    for _ in range(2):  # a triangle, as wide as the taper
        soft = F.avg_pool2d(soft, side, 1, side // 2)
    inside = (2 * soft[0, 0] - 1).clamp(min=0)  # nothing of the outline is left
    return inside.square() if bool(inside.any()) else None


def _distance(image: Tensor, colour: str) -> Tensor:
    """How far each pixel is from a colour in any light, squared."""
    pixels, rgb = (image + 1) / 2, torch.tensor(RGB[colour]).view(3, 1, 1)
    light = ((pixels * rgb).sum(0) / rgb.square().sum()).clamp(0.3, 1.2)
    return (pixels - light * rgb).square().sum(0)


def _strengths(image: Tensor, window: Tensor) -> Tensor:
    """Decibels in each band, above one shade."""
    height, width = window.shape
    mean = (image * window).sum((1, 2), keepdim=True) / window.sum()
    waves = torch.fft.fft2((image - mean) * window).abs().square().mean(0)
    power = waves / window.square().sum() / (height * width)  # sums up to the variance
    unit = max(height, width)
    down, across = (torch.fft.fftfreq(side, 1 / unit) for side in (height, width))
    pitch = torch.hypot(down[:, None], across)
    limits = edges(Size(height, width))
    octaves = [power[(low <= pitch) & (pitch < high)].sum() for low, high in pairwise(limits)]
    return 10 * (torch.stack(octaves) / SHADE + 1).log10()
