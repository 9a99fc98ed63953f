"""Views that no ControlNet holds."""

from dataclasses import dataclass, replace

from torch import Tensor, nn

from muralist.canvas import Size
from muralist.query import Estimate, Guided, Query

__all__ = ["Uncontrolled"]


@dataclass(frozen=True)
class Uncontrolled:
    """Asks `inner` as if there were no pictures for ControlNets."""

    inner: Guided

    @property
    def native(self) -> Size:
        return self.inner.native

    @property
    def network(self) -> nn.Module | None:
        return self.inner.network

    def led(self, scale: float) -> "Uncontrolled":
        return Uncontrolled(self.inner.led(scale))

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return self.inner(x, replace(q, controls=()))
