"""Here, in batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from muralist.canvas import View
from muralist.query import Denoiser, Estimate, Part, Query, together

__all__ = ["Batches"]


@dataclass(frozen=True)
class Batches:
    """At most `size` views at once; guidance doubles the rows of a batch.

    They are brought to `device`, whatever surrounds the network works there, and the answers are
    brought back: a canvas kept in host memory costs the device one batch.
    """

    size: int
    device: torch.device

    def __call__(
        self, inner: Denoiser, x: Tensor, q: Query, views: Sequence[View]
    ) -> Iterator[Part]:
        def there(patches: Tensor, about: Query) -> Estimate:
            answers = inner(patches.to(self.device), about)
            return Estimate(*(answer.to(patches.device) for answer in answers))

        batches = max(-(-len(views) // self.size), 1)
        size = max(-(-len(views) // batches), 1)  # even ones: fewer shapes for the network
        for at in range(0, len(views), size):
            yield from together(there, x, q, views[at : at + size])
