"""Pictures with the objects found in them outlined: what was counted, to be looked at."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from muralist.bench.repetition import Comparison
from muralist.bench.shades import shades
from muralist.shapes.areas import dilated
from muralist.shapes.checker import Found

__all__ = ["COLOURS", "outlined"]

# Red, green, blue of the line around each kind; black beside it is seen where the line is not.
COLOURS: Mapping[str, tuple[int, int, int]] = {
    "kept": (255, 255, 255),
    "extra": (255, 0, 255),
    "fragment": (128, 255, 0),
}
FINE = 160  # a line takes one pixel in as many of the longer side


def outlined(large: Tensor, found: Comparison, longest: int | None = None) -> Image.Image:
    """A picture `3 H W` in [-1, 1] with what was found in it outlined, by kind, and numbered.

    Kept objects have the numbers of the base picture's from left to right, extra ones go on from
    there. `longest` is how many pixels the longer side has at most.
    """
    height, width = large.shape[-2:]
    reduced = min(1.0, (longest or max(height, width)) / max(height, width))
    size = max(1, round(height * reduced)), max(1, round(width * reduced))
    smaller = Image.fromarray(shades(large)).resize((size[1], size[0]), Image.Resampling.LANCZOS)
    image = np.array(smaller)
    line = max(1, round(max(size) / FINE))
    for kind, one in _kinds(found):
        mask = one.area.on(found.after.size)[None, None].float()
        mask = F.interpolate(mask, size, mode="area")[0, 0] >= 0.5
        for reach, colour in ((2 * line, (0, 0, 0)), (line, COLOURS[kind])):
            image[(dilated(mask, reach) & ~mask).numpy()] = colour
        image[(dilated(~mask, line) & mask).numpy()] = 0
    return _numbered(Image.fromarray(image), found, 12 * line)


def _kinds(found: Comparison) -> Iterator[tuple[str, Found]]:
    """Fragments first: the outlines of objects lie over theirs."""
    yield from (("fragment", one) for one in found.after.fragments)
    yield from (("extra", one) for one in found.extra)
    yield from (("kept", one) for _, one in found.kept)


def _numbered(image: Image.Image, found: Comparison, size: int) -> Image.Image:
    draw = ImageDraw.Draw(image)
    objects = [*(("kept", one) for _, one in found.kept), *(("extra", one) for one in found.extra)]
    for number, (kind, one) in enumerate(objects, 1):
        at = one.x * image.width, one.y * image.height
        style = {"font_size": size, "stroke_width": max(1, size // 8), "stroke_fill": "black"}
        draw.text(at, str(number), fill=COLOURS[kind], anchor="mm", **style)
    return image
