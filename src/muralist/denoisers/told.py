"""Guidance that a network was distilled with."""

from dataclasses import dataclass, replace

from torch import Tensor, nn

from muralist.canvas import Size
from muralist.query import Estimate, Painter, Query

__all__ = ["Told"]


@dataclass(frozen=True)
class Told:
    """A network that is told the guidance scale, as latent consistency models are.

    It was distilled from guided answers (Luo et al., 2023, sec. 4.2), and leads by itself, in one
    evaluation; there is no half without the prompt, and no negative one.
    """

    inner: Painter
    scale: float

    @property
    def native(self) -> Size:
        return self.inner.native

    @property
    def network(self) -> nn.Module | None:
        return self.inner.network

    def led(self, scale: float) -> "Told":
        return replace(self, scale=scale)

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return self.inner(x, replace(q, told=self.scale, negative=None))
