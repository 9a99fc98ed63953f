"""Here, in batches."""

import logging
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from muralist.canvas import View
from muralist.errors import OutOfMemory
from muralist.query import Denoiser, Estimate, Part, Query, together

__all__ = ["Batches"]

_log = logging.getLogger(__name__)


class Batches:
    """At most `size` views at once; guidance doubles the rows of a batch.

    They are brought to `device`, whatever surrounds the network works there, and the answers are
    brought back: a canvas kept in host memory costs the device one batch. A batch that the device
    has no memory for is asked again in halves, and from then on no larger ones are.

    Raises `OutOfMemory` where a single view is too much.
    """

    def __init__(self, size: int, device: torch.device) -> None:
        self.size, self.device = size, device

    def __call__(
        self, inner: Denoiser, x: Tensor, q: Query, views: Sequence[View]
    ) -> Iterator[Part]:
        done = 0
        while done < len(views):
            left = len(views) - done
            batches = -(-left // self.size)
            some = views[done : done + -(-left // batches)]  # even ones: fewer shapes to compute
            parts = self._asked(inner, x, q, some)
            if parts is not None:
                yield from parts
                done += len(some)

    def _asked(
        self, inner: Denoiser, x: Tensor, q: Query, views: Sequence[View]
    ) -> Iterator[Part] | None:
        """What `inner` answers; None where there was no memory, and the next batch is smaller."""

        def there(patches: Tensor, about: Query) -> Estimate:
            answers = inner(patches.to(self.device), about)
            return Estimate(*(answer.to(patches.device) for answer in answers))

        try:
            return together(there, x, q, views)
        except torch.OutOfMemoryError as error:
            if len(views) == 1:
                raise OutOfMemory(
                    f"{self.device} has no memory for a single view of {views[0].width}x"
                    f"{views[0].height} latents; a smaller dtype or window may fit"
                ) from error
            self.size = len(views) // 2
            _log.warning("no memory for %d views at once; %d from now on", len(views), self.size)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()  # what the failed batch has left in pieces
        return None
