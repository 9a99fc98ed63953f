"""Pull towards the reference."""

from dataclasses import dataclass

import torch
from torch import Tensor

from muralist.guides.reference import Reference
from muralist.query import Query, Ramp

__all__ = ["Residual"]


@dataclass(frozen=True)
class Residual:
    """Moves x towards the reference, wholly where the ramp is 1 (DemoFusion, skip residual)."""

    reference: Reference
    ramp: Ramp

    def __call__(self, x: Tensor, q: Query) -> Tensor:
        weight = self.ramp(q.step)
        return torch.lerp(x, self.reference.at(q.step).x, weight) if weight else x
