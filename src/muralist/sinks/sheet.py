"""Pictures side by side, each with its words."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from muralist.sinks.resize import resized

__all__ = ["lines", "lit", "panel", "side_by_side"]

_INK, _PAPER = (24, 24, 24), (255, 255, 255)


def panel(pixels: np.ndarray, side: int = 1024) -> np.ndarray:
    """A picture of any size, shrunk to `side` pixels at most, or as it is where it is smaller."""
    height, width, _ = pixels.shape
    share = min(side / max(height, width), 1)
    return resized(pixels, *(max(round(each * share), 1) for each in (height, width)))


def side_by_side(
    panels: Sequence[tuple[str, np.ndarray]], columns: int | None = None
) -> np.ndarray:
    """A contact sheet: pictures in reading order, words beneath.

    Unless `columns` are given, up to four make one row, and more are about as wide as high.
    """
    count = len(panels)
    columns = columns or (count if count <= 4 else math.ceil(math.sqrt(count)))
    pictures = [Image.fromarray(picture) for _, picture in panels]
    width = max(max(picture.width for picture in pictures), 96)
    height = max(picture.height for picture in pictures)
    font, gap = ImageFont.load_default(max(width // 18, 12)), max(width // 32, 4)
    words = ["\n".join(lines(text, font, width)) for text, _ in panels]
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
    return np.asarray(sheet)


def lit(pixels: np.ndarray, where: Tensor) -> np.ndarray:
    """A panel, dark where a map of `rows columns` is 0 and as it is where that is 1."""
    height, width, _ = pixels.shape
    grey = Image.fromarray((where.clamp(0, 1) * 255).byte().numpy())
    light = np.asarray(grey.resize((width, height), Image.Resampling.BILINEAR), np.float32) / 255
    return (pixels * (0.15 + 0.85 * light[..., None])).astype(np.uint8)


def lines(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """The words of a text, broken where a line would be wider."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
