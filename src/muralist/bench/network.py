"""The small network of the embedded feature space: pictures to dense features."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["STRIDE", "WIDTH", "FeatureNetwork"]

WIDTH = 64  # channels of the features
STRIDE = 8  # pixels between features
MIDDLE = (32, 48)  # channels at strides 2 and 4
SCALES = (1, 2, 4)  # pixels whose differences are told


class FeatureNetwork(nn.Module):
    """Pictures `B 3 H W` in [-1, 1] to features `B 64 h w`, h and w an eighth, rounded up.

    A feature sees the 100 pixels around it. What it is does not depend on what lies far from it:
    nothing is normalised over a picture. Over the windows it was trained on every feature has mean
    zero and variance one.
    """

    def __init__(self) -> None:
        super().__init__()
        bands = 2 * len(SCALES)
        self.look = nn.Sequential(
            *_layer(6, MIDDLE[0], 2, kernel=5),
            *_layer(*MIDDLE, 2),
            _Residual(MIDDLE[1]),
            *_layer(MIDDLE[1], WIDTH - bands, 2),
        )
        self.touch = nn.BatchNorm2d(bands, affine=False)
        self.join = nn.Sequential(
            _Residual(WIDTH), _Residual(WIDTH), nn.BatchNorm2d(WIDTH, affine=False)
        )

    def forward(self, pictures: Tensor) -> Tensor:
        fine = pictures - F.avg_pool2d(_continued(pictures), 3, 1)
        looks = self.look(torch.cat([pictures, 4 * fine], 1))
        return self.join(torch.cat([looks, self.touch(_bands(pictures))], 1))


def _bands(pictures: Tensor) -> Tensor:
    """How rough every cell is, across and down, at every scale: `B 6 h w`, logarithms.

    Blur and grain are ratios of these, which so small a network does not learn from pixels soon.
    """
    bands = []
    for scale in SCALES:
        coarse = F.avg_pool2d(pictures, scale, ceil_mode=True)
        around = _continued(coarse)
        across = around[..., 1:-1, 2:] + around[..., 1:-1, :-2] - 2 * coarse
        down = around[..., 2:, 1:-1] + around[..., :-2, 1:-1] - 2 * coarse
        for bent in (across, down):
            rough = bent.abs().mean(1, keepdim=True)
            bands.append((F.avg_pool2d(rough, STRIDE // scale, ceil_mode=True) + 1e-3).log())
    return torch.cat(bands, 1)


class _Residual(nn.Module):
    """Two layers beside a short cut (He et al., 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(*_layer(width, width), *_layer(width, width)[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x + self.inner(x))


def _layer(width: int, wider: int, stride: int = 1, kernel: int = 3) -> list[nn.Module]:
    # Borders are continued: a frame of zeros would be an edge that no picture has.
    half, edges = kernel // 2, "replicate"
    convolution = nn.Conv2d(width, wider, kernel, stride, half, bias=False, padding_mode=edges)
    return [convolution, nn.BatchNorm2d(wider), nn.SiLU()]


def _continued(pictures: Tensor) -> Tensor:
    """One pixel more at every border."""
    return F.pad(pictures, (1, 1, 1, 1), mode="replicate")
