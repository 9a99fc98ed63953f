"""Pictures as numbers in [-1, 1], which are measured, and as shades of 8 bits, which are kept."""

import numpy as np
import torch
from torch import Tensor

__all__ = ["pixels", "shades"]


def pixels(shades: np.ndarray) -> Tensor:
    """`H W 3`, uint8, as `3 H W` in [-1, 1]."""
    return torch.from_numpy(np.array(shades)).permute(2, 0, 1) / 127.5 - 1


def shades(pixels: Tensor) -> np.ndarray:
    """`3 H W` in [-1, 1] as `H W 3`, uint8."""
    values = (pixels.float().clamp(-1, 1) + 1) * 127.5
    return values.round().byte().permute(1, 2, 0).cpu().numpy()
