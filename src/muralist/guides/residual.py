"""Pull towards the reference."""

from dataclasses import dataclass

import torch
from torch import Tensor

from muralist.guides.reference import Reference
from muralist.query import Query, Ramp
from muralist.strips import cellwise

__all__ = ["Residual"]


@dataclass(frozen=True)
class Residual:
    """Moves x towards the reference, wholly where the ramp is 1 (DemoFusion, skip residual)."""

    reference: Reference
    ramp: Ramp

    def __call__(self, x: Tensor, q: Query) -> Tensor:
        if not (weight := self.ramp(q.step)):
            return x

        def pulled(x: Tensor, x0: Tensor, noise: Tensor) -> Tensor:
            return torch.lerp(x, q.step.noised(x0, noise), weight)

        return cellwise(pulled, x, self.reference.x0, self.reference.noise)
