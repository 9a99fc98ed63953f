"""Panels with their words on one sheet of paper, wide enough for a talk."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from muralist.explain.palette import Palette
from muralist.sinks.sheet import lines

__all__ = ["GAP", "WIDTH", "Panel", "heading", "magnified", "plate", "room", "sized"]

WIDTH = 1600  # pixels of every picture of an idea
GAP = 40  # between panels, and around them

_TITLE, _CAPTION = 25, 21  # pixels of their letters


class Panel(NamedTuple):
    """A picture, what it is, and what is to be seen in it."""

    pixels: np.ndarray
    title: str
    caption: str = ""


def room(columns: int) -> int:
    """Pixels across that each of so many panels in a row has."""
    return (WIDTH - GAP) // columns - GAP


def sized(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with PIL, which knows ASCII and little more."""
    return ImageFont.load_default(size)


def magnified(pixels: np.ndarray, width: int) -> np.ndarray:
    """Cells as squares, so that they fill a width; what is left over is shared out."""
    height = round(pixels.shape[0] * width / pixels.shape[1])
    resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(resized)


def plate(panels: Sequence[Panel], columns: int, palette: Palette) -> np.ndarray:
    """Panels in reading order, words beneath: `height WIDTH 3`, uint8.

    Panels of a row begin at one height, and are as wide as `room(columns)` or narrower.
    """
    rows = [panels[at : at + columns] for at in range(0, len(panels), columns)]
    return np.concatenate(
        [_blank(GAP, palette), *(_row(row, room(columns), palette) for row in rows)]
    )


def heading(text: str, palette: Palette) -> np.ndarray:
    """A line that says what the panels below are: `height WIDTH 3`, uint8."""
    sheet = Image.fromarray(_blank(GAP, palette))
    ImageDraw.Draw(sheet).text((GAP, GAP // 4), text, palette.ink, sized(_TITLE))
    return np.asarray(sheet)


def _row(panels: Sequence[Panel], width: int, palette: Palette) -> np.ndarray:
    font = sized(_CAPTION)
    said = [lines(panel.caption, font, width) for panel in panels]
    tall = max(panel.pixels.shape[0] for panel in panels)
    first = 50 if any(panel.title for panel in panels) else 12  # where captions begin
    below = first + 29 * max(len(each) for each in said) + GAP // 2
    sheet = Image.fromarray(_blank(tall + below, palette))
    draw = ImageDraw.Draw(sheet)
    for at, (panel, each) in enumerate(zip(panels, said, strict=True)):
        left = GAP + at * (width + GAP)
        sheet.paste(Image.fromarray(panel.pixels), (left, 0))
        draw.text((left, tall + 14), panel.title, palette.ink, sized(_TITLE))
        for number, line in enumerate(each):
            draw.text((left, tall + first + 29 * number), line, palette.quiet, font)
    return np.asarray(sheet)


def _blank(height: int, palette: Palette) -> np.ndarray:
    return np.full((height, WIDTH, 3), palette.paper, np.uint8)
