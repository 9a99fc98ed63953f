"""How much a large picture holds that a native one could not."""

import torch.nn.functional as F
from torch import Tensor

__all__ = ["detail"]


def detail(image: Tensor, factor: int) -> float:
    """Mean change, in [0, 2], when a picture `3 H W` in [-1, 1] is reduced and enlarged again.

    A native picture enlarged by `factor` scores near zero. Grain and seams count as much as
    true detail does: compare with the score of the true picture, `render.picture(scene, factor)`,
    above which there is nothing but flaws.
    """
    size = image.shape[-2:]
    small = F.interpolate(image[None], [side // factor for side in size], mode="area")
    enlarged = F.interpolate(small, size, mode="bicubic")
    return float((image[None] - enlarged).abs().mean())
