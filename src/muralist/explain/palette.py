"""The colours of pictures of ideas, on light and on dark paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from torch import Tensor

__all__ = ["PALETTES", "Colour", "Palette", "Theme", "grey", "mixed", "painted"]

Colour: TypeAlias = tuple[int, int, int]  # red, green, blue, 0 to 255
Theme: TypeAlias = Literal["light", "dark"]


@dataclass(frozen=True)
class Palette:
    """What is written, drawn and filled with."""

    paper: Colour
    ink: Colour
    quiet: Colour  # for what is said beside
    rule: Colour  # for axes and frames
    first: Colour
    second: Colour
    third: Colour
    heat: tuple[Colour, ...]  # from little to much

    def heated(self, values: Tensor) -> np.ndarray:
        """`rows columns`, 0 to 1, as colours from little to much: `rows columns 3`, uint8."""
        stops = np.linspace(0, 1, len(self.heat))
        at = values.clamp(0, 1).numpy()
        channels = [np.interp(at, stops, channel) for channel in zip(*self.heat, strict=True)]
        return np.stack(channels, axis=-1).round().astype(np.uint8)


PALETTES: Mapping[Theme, Palette] = {
    "light": Palette(
        paper=(255, 255, 255),
        ink=(31, 36, 45),
        quiet=(98, 106, 120),
        rule=(206, 211, 218),
        first=(38, 98, 160),
        second=(204, 102, 36),
        third=(58, 132, 96),
        heat=((246, 248, 250), (176, 203, 226), (84, 141, 194), (30, 78, 133), (14, 38, 74)),
    ),
    "dark": Palette(
        paper=(22, 24, 29),
        ink=(232, 235, 240),
        quiet=(154, 162, 175),
        rule=(66, 72, 83),
        first=(108, 168, 228),
        second=(240, 154, 92),
        third=(116, 194, 154),
        heat=((32, 36, 44), (38, 70, 108), (62, 124, 182), (134, 186, 230), (232, 243, 252)),
    ),
}


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """A colour, with a share (0 to 1) of another."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def grey(values: Tensor) -> np.ndarray:
    """`rows columns`, -1 (black) to 1 (white), as greys: `rows columns 3`, uint8."""
    return painted(values.expand(3, -1, -1))


def painted(values: Tensor) -> np.ndarray:
    """`3 rows columns` in [-1, 1] as a picture, `rows columns 3`, uint8."""
    return ((values.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
