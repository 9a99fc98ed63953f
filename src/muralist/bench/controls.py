"""Pictures that nobody paints, of which every measure is known beforehand."""

import math

import numpy as np
from PIL import Image
from torch import Tensor

from muralist.bench.shades import pixels, shades
from muralist.canvas import Size

__all__ = ["copied", "enlarged"]


def enlarged(base: Tensor, size: Size) -> Tensor:
    """The base picture by Lanczos: nothing is repeated, and nothing is added.

    `3 h w` to `3 H W`, both in [-1, 1].
    """
    small = Image.fromarray(shades(base))
    larger = small.resize((size.width, size.height), Image.Resampling.LANCZOS)
    return pixels(np.asarray(larger))


def copied(base: Tensor, size: Size) -> Tensor:
    """The base picture side by side with itself: everything is repeated, and all of it is sharp."""
    down, across = (
        math.ceil(large / small) for large, small in zip(size, base.shape[-2:], strict=True)
    )
    return base.repeat(1, down, across)[:, : size.height, : size.width]
