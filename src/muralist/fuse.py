"""Views' estimates to one canvas: weighted means, accumulated in float32 in the views' order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from muralist.canvas import Size, Unclaimed, View
from muralist.errors import BadRequest
from muralist.query import Estimate, Part
from muralist.strips import blank

__all__ = ["FirstOwner", "Gaussian", "mean"]


def mean(parts: Iterable[Part], like: Tensor) -> Estimate:
    """Every view has an equal say in every cell it sees (MultiDiffusion, eq. 5)."""
    return _weighted(parts, like, lambda x: x.new_ones(1, 1, 1, 1))


@dataclass(frozen=True)
class Gaussian:
    """A view's say falls towards its borders (Jimenez, 2023, Mixture of Diffusers).

    `spread` is the standard deviation as a fraction of the view's side, above 0.
    """

    spread: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.spread < float("inf"):
            raise BadRequest(f"spread is {self.spread}; a finite fraction above 0 is needed")

    def __call__(self, parts: Iterable[Part], like: Tensor) -> Estimate:
        return _weighted(parts, like, self.weight)

    def weight(self, x: Tensor) -> Tensor:
        """`1 1 H W` weights of a view `1 C H W`; above 0 everywhere."""
        rows, cols = (self._bell(count, x) for count in x.shape[-2:])
        return (rows[:, None] * cols)[None, None]

    def _bell(self, count: int, like: Tensor) -> Tensor:
        at = (torch.arange(count, device=like.device, dtype=torch.float32) + 0.5) / count - 0.5
        return torch.exp(-0.5 * (at / self.spread) ** 2).clamp(min=1e-6)


@dataclass(frozen=True)
class FirstOwner:
    """A cell belongs to the first view that sees it; borders between owners are softened.

    Where a later view sees cells of others within `feather` cells of its own, they become the mean
    of what they were and what it says (Pixelsmith, transition border).
    """

    feather: int = 0

    def __post_init__(self) -> None:
        if self.feather < 0:
            raise BadRequest(f"feather is {self.feather} latent cells; 0 or more are possible")

    def __call__(self, parts: Iterable[Part], like: Tensor) -> Estimate:
        canvas = Estimate(*(blank(like, dtype=_accumulator(like)) for _ in range(2)))
        unclaimed = Unclaimed(Size(*like.shape[-2:]))
        for view, part in parts:
            self.blend(canvas, view, part, self.say(unclaimed.claim(view)))
        return Estimate(*(_cast(total, like) for total in canvas))

    def blend(self, canvas: Estimate, view: View, part: Estimate, say: Tensor) -> None:
        """Puts one view's answer onto the canvas, in place, as far as it has a say."""
        say = say.to(part.x.device, non_blocking=True)
        for total, patch in zip(canvas, part, strict=True):
            view.add(total, (patch - view.crop(total)) * say)

    def say(self, mine: Tensor) -> Tensor:
        """`height width`: 1 in a view's own cells, a half beside them, 0 beyond."""
        near, reach = mine.float()[None], self.feather
        for down, right in ((reach, 0), (0, reach)):  # rows, then columns: a square, sooner
            near = F.max_pool2d(near, (2 * down + 1, 2 * right + 1), 1, (down, right))
        return (mine + near[0]) / 2


def _weighted(parts: Iterable[Part], like: Tensor, weight: Callable[[Tensor], Tensor]) -> Estimate:
    """Sum of weight times patch over sum of weights; three canvases, whatever the views."""
    x = blank(like, dtype=_accumulator(like))
    x0 = blank(x)
    total = blank(x, 1, 1, *x.shape[-2:])
    shares: dict[tuple[int, int], Tensor] = {}  # views of one size have one weight
    for view, part in parts:
        size = view.height, view.width
        share = shares[size] = shares[size] if size in shares else weight(part.x)
        view.add(x, part.x * share)
        view.add(x0, part.x0 * share)
        view.add(total, share.expand(1, 1, view.height, view.width))
    return Estimate(_cast(x.div_(total), like), _cast(x0.div_(total), like))


def _accumulator(like: Tensor) -> torch.dtype:
    return torch.promote_types(like.dtype, torch.float32)


def _cast(total: Tensor, like: Tensor) -> Tensor:
    return total if total.dtype == like.dtype else blank(like).copy_(total)
