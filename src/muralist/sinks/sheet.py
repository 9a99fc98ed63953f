"""Pictures side by side, each with its words."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

__all__ = ["lit", "side_by_side"]

_PANEL = 1024  # pixels of a panel's longer side, at most
_INK, _PAPER = (24, 24, 24), (255, 255, 255)


def side_by_side(
    panels: Sequence[tuple[str, Image.Image]], panel: int = _PANEL, columns: int | None = None
) -> Image.Image:
    """A contact sheet: pictures in reading order, shrunk to `panel` pixels, words beneath.

    Unless `columns` are given, up to four make one row, and more are about as wide as high.
    """
    count = len(panels)
    columns = columns or (count if count <= 4 else math.ceil(math.sqrt(count)))
    pictures = [_shrunk(picture, panel) for _, picture in panels]
    width = max(max(picture.width for picture in pictures), 96)
    height = max(picture.height for picture in pictures)
    font, gap = ImageFont.load_default(max(width // 18, 12)), max(width // 32, 4)
    words = ["\n".join(_lines(text, font, width)) for text, _ in panels]
    ruler = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    line = int(max(ruler.multiline_textbbox((0, 0), text, font)[3] for text in words)) + gap
    size = (columns * (width + gap) + gap, -(-count // columns) * (height + line + gap) + gap)
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    for at, (text, picture) in enumerate(zip(words, pictures, strict=True)):
        row, column = divmod(at, columns)
        left, top = gap + column * (width + gap), gap + row * (height + line + gap)
        sheet.paste(picture, (left + (width - picture.width) // 2, top))
        middle = (left + width / 2, top + height + gap // 2)
        draw.text(middle, text, _INK, font, anchor="ma", align="center")
    return sheet


def lit(picture: Image.Image, where: Tensor) -> Image.Image:
    """The picture, dark where a map of `rows columns` is 0 and as it is where that is 1."""
    grey = Image.fromarray((where.clamp(0, 1) * 255).byte().numpy())
    light = np.asarray(grey.resize(picture.size, Image.Resampling.BILINEAR), np.float32) / 255
    shown = np.asarray(picture.convert("RGB"), np.float32) * (0.15 + 0.85 * light[..., None])
    return Image.fromarray(shown.astype(np.uint8))


def _shrunk(picture: Image.Image, panel: int) -> Image.Image:
    small = picture.convert("RGB")
    small.thumbnail((panel, panel), Image.Resampling.LANCZOS)
    return small


def _lines(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """The words of a text, broken where a line would be wider."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
