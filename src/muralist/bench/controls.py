"""Pictures that nobody paints, of which every measure is known beforehand."""

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from muralist.canvas import Size

__all__ = ["copied", "enlarged", "pixels", "shades"]


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


def pixels(shades: np.ndarray) -> Tensor:
    """`H W 3`, uint8, as `3 H W` in [-1, 1]."""
    return torch.from_numpy(np.array(shades)).permute(2, 0, 1) / 127.5 - 1


def shades(pixels: Tensor) -> np.ndarray:
    """`3 H W` in [-1, 1] as `H W 3`, uint8."""
    values = (pixels.float().clamp(-1, 1) + 1) * 127.5
    return values.round().byte().permute(1, 2, 0).cpu().numpy()
