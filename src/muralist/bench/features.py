"""Feature spaces in which pictures are compared, whole and patch by patch."""

from functools import cache
from typing import Protocol

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from muralist.bench.network import FeatureNetwork
from muralist.bench.vision import load
from muralist.errors import BadRequest
from muralist.shapes import FEATURES

__all__ = ["Features", "load", "patches", "patchwise", "reduced", "shapes_features", "whole"]

WHOLE = 128  # pixels of the longer side at which whole pictures are compared
PATCH = 64  # pixels of the side of patches
_BATCH = 64  # patches at a time


class Features(Protocol):
    """A fixed network: pictures `B 3 H W` in [-1, 1] of any size to dense features `B D h w`."""

    def __call__(self, pictures: Tensor) -> Tensor: ...


@cache
def shapes_features() -> FeatureNetwork:
    """The feature space of the little world, which ships with the package: 64 features, stride 8.

    Trained by `training.features` on drawn pictures alone, true ones and spoilt ones.
    """
    network = FeatureNetwork()
    network.load_state_dict({name: part.float() for name, part in load_file(FEATURES).items()})
    return network.eval().requires_grad_(False)


def whole(image: Tensor, features: Features, side: int = WHOLE) -> Tensor:
    """Features `1 D` of a picture `3 H W` reduced to `side` pixels along its longer side.

    Reduced pictures have lost their detail: what such features say is to be shown beside what
    `patchwise` ones say.
    """
    return _means(features, reduced(image, side)[None])


def patchwise(image: Tensor, features: Features, side: int = PATCH) -> Tensor:
    """Features `N D` of the patches of a picture `3 H W`, at its full resolution."""
    return torch.cat([_means(features, some) for some in patches(image, side).split(_BATCH)])


def patches(image: Tensor, side: int) -> Tensor:
    """The patches `N 3 side side` of a picture `3 H W`, side by side, row after row.

    What is left at the right and the bottom is left out. Raises `BadRequest` for a picture that
    has no room for one.
    """
    height, width = image.shape[-2:]
    if not 1 <= side <= min(height, width):
        raise BadRequest(f"a picture of {width}x{height} pixels has no patches of {side}x{side}")
    return image.unfold(1, side, side).unfold(2, side, side).movedim(0, 2).flatten(0, 1)


def reduced(image: Tensor, side: int) -> Tensor:
    """A picture `3 H W` averaged down to `side` pixels along its longer side.

    Raises `BadRequest` for a smaller picture: enlarging is no part of a comparison.
    """
    height, width = image.shape[-2:]
    longer = max(height, width)
    if not 1 <= side <= longer:
        raise BadRequest(f"a picture of {width}x{height} pixels cannot be reduced to {side}")
    size = [max(1, round(each * side / longer)) for each in (height, width)]
    return F.interpolate(image[None], size, mode="area")[0]


def _means(features: Features, pictures: Tensor) -> Tensor:
    return features(pictures).mean((2, 3))
