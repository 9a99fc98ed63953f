"""A denoiser whose network is looked into, or altered, while it runs."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor, nn

from muralist.query import Estimate, Painter, Query

__all__ = ["Patch", "Patched"]

Patch: TypeAlias = Callable[[nn.Module, Tensor, Query], AbstractContextManager[None]]


@dataclass(frozen=True)
class Patched:
    """`inner`, with its network under `patch` for as long as each question takes.

    A painter without a network is asked as it is.
    """

    inner: Painter
    patch: Patch

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        if self.inner.network is None:
            return self.inner(x, q)
        with self.patch(self.inner.network, x, q):
            return self.inner(x, q)
