"""Here, in batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from muralist.canvas import View
from muralist.query import Denoiser, Part, Query, together

__all__ = ["Batches"]


@dataclass(frozen=True)
class Batches:
    """At most `size` views at once; guidance doubles the rows of a batch."""

    size: int

    def __call__(
        self, inner: Denoiser, x: Tensor, q: Query, views: Sequence[View]
    ) -> Iterator[Part]:
        batches = max(-(-len(views) // self.size), 1)
        size = max(-(-len(views) // batches), 1)  # even ones: fewer shapes for the network
        for at in range(0, len(views), size):
            yield from together(inner, x, q, views[at : at + size])
