"""The last stage's result, enlarged, at any noise level."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from muralist.canvas import View, gather
from muralist.query import Estimate, Step
from muralist.strips import cellwise

__all__ = ["Reference"]


@dataclass(frozen=True)
class Reference:
    """A clean picture and one fixed noise, both `1 C H W`: the trajectory between them.

    A level is computed when asked for and never stored (DemoFusion's noise-inverted
    representations, at the memory of one).
    """

    x0: Tensor
    noise: Tensor

    def seen(self, views: Sequence[View], by: Tensor) -> "Reference":
        """What views see of it, one per row, brought to where `by` is.

        So a level is computed for them alone, and for no canvas.
        """
        x0, noise = (gather(each, views).to(by.device) for each in (self.x0, self.noise))
        return Reference(x0, noise)

    def at(self, step: Step) -> Estimate:
        x = cellwise(lambda noise, x0: step.noised(x0, noise), self.noise, self.x0)
        return Estimate(x, self.x0)
