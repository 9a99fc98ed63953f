"""Pictures side by side, each with its name."""

import math
from collections.abc import Mapping

from PIL import Image, ImageDraw, ImageFont

__all__ = ["side_by_side"]

_PANEL = 1024  # pixels of a panel's longer side, at most
_INK, _PAPER = (24, 24, 24), (255, 255, 255)


def side_by_side(panels: Mapping[str, Image.Image], columns: int | None = None) -> Image.Image:
    """A contact sheet: pictures of one size, shrunk where they are large, in reading order.

    As wide as high, roughly, unless `columns` are given; up to four make one row.
    """
    count = len(panels)
    columns = columns or (count if count <= 4 else math.ceil(math.sqrt(count)))
    pictures = {name: _shrunk(picture) for name, picture in panels.items()}
    width = max(picture.width for picture in pictures.values())
    height = max(picture.height for picture in pictures.values())
    gap = max(width // 32, 4)
    font = ImageFont.load_default(max(width // 18, 12))
    line = sum(font.getmetrics()) + gap // 2
    rows = math.ceil(count / columns)
    sheet = Image.new(
        "RGB",
        (columns * (width + gap) + gap, rows * (height + line + gap) + gap),
        _PAPER,
    )
    draw = ImageDraw.Draw(sheet)
    for at, (name, picture) in enumerate(pictures.items()):
        row, column = divmod(at, columns)
        left, top = gap + column * (width + gap), gap + row * (height + line + gap)
        sheet.paste(picture, (left, top))
        draw.text((left + width / 2, top + height + gap // 4), name, _INK, font, anchor="ma")
    return sheet


def _shrunk(picture: Image.Image) -> Image.Image:
    small = picture.convert("RGB")
    small.thumbnail((_PANEL, _PANEL), Image.Resampling.LANCZOS)
    return small
