"""Views to inner denoiser to fusion."""

from dataclasses import dataclass

from torch import Tensor

from muralist.fuse import mean
from muralist.query import Denoiser, Estimate, Fusion, Query, Views

__all__ = ["Tiled"]


@dataclass(frozen=True)
class Tiled:
    """Asks `inner` about each view and fuses the answers: itself a denoiser.

    Every view sees the same x, and the canvas is stepped once with the fused pair. That equals
    stepping each view and fusing the results, for every solver that is affine in the pair.
    """

    inner: Denoiser
    views: Views
    fuse: Fusion = mean

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return self.fuse(q.run(self.inner, x, q, self.views(q)), x)
