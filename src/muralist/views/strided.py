"""Every k-th cell, from each offset: small pictures of the whole."""

from dataclasses import dataclass

from muralist.canvas import View
from muralist.errors import BadRequest
from muralist.query import Query

__all__ = ["Strided"]


@dataclass(frozen=True)
class Strided:
    """The `factor`^2 subsamplings of the canvas, in reading order (DemoFusion, dilated sampling).

    All have one size; where the factor does not divide the canvas they hang over at the top and
    the left, so every cell is seen exactly once.
    """

    factor: int

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise BadRequest(f"the factor of strided views is {self.factor}; 1 or more is possible")

    def __call__(self, q: Query) -> list[View]:
        k, (height, width) = self.factor, q.canvas
        top, left = -(-height % k), -(-width % k)
        rows, cols = -(-height // k), -(-width // k)
        return [View(top + i, left + j, rows, cols, k) for i in range(k) for j in range(k)]
