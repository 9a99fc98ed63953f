"""Two denoisers made one, and one denoiser seen through a change of x, answer or place."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from torch import Tensor

from muralist.query import Denoiser, Estimate, Guide, Query, Ramp

__all__ = ["Blended", "Corrected", "Filtered", "Framed", "Relabelled", "Steered", "Unplaced"]

Amend: TypeAlias = Callable[[Estimate, Query], Estimate]


@dataclass(frozen=True)
class Blended:
    """`far` while the ramp is high, `near` as it falls: near + ramp * (far - near).

    A side without weight is not asked.
    """

    near: Denoiser
    far: Denoiser
    ramp: Ramp

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        weight = self.ramp(q.step)
        if weight == 0:
            return self.near(x, q)
        if weight == 1:
            return self.far(x, q)
        far = self.far(x, q)  # first, for a filtered answer shares its x: one canvas less to wait
        return self.near(x, q).lerp(far, weight)


@dataclass(frozen=True)
class Steered:
    """Moves x before asking; the step then starts from where x was moved to."""

    inner: Denoiser
    guide: Guide

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return self.inner(self.guide(x, q), q)


@dataclass(frozen=True)
class Corrected:
    """Changes the answer."""

    inner: Denoiser
    amend: Amend

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return self.amend(self.inner(x, q), q)


@dataclass(frozen=True)
class Filtered:
    """Lets `inner` see x through a lens, but steps from x: only the network's output is kept."""

    inner: Denoiser
    lens: Guide

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return self.inner(self.lens(x, q), q).moved_to(x, q.step)


@dataclass(frozen=True)
class Relabelled:
    """Tells `inner` that its views lie `down` and `right` of where they are, in latent cells.

    Only conditioning that depends on a view's place (crop coordinates) notices.
    """

    inner: Denoiser
    down: int
    right: int

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        moved = tuple(view.moved(self.down, self.right) for view in q.views)
        return self.inner(x, replace(q, views=moved))


@dataclass(frozen=True)
class Unplaced:
    """Tells `inner` nothing of where its views lie: each is a whole picture to it."""

    inner: Denoiser

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return self.inner(x, replace(q, views=()))


@dataclass(frozen=True)
class Framed:
    """Tells `inner` that the stage's canvas is the finished picture.

    Only conditioning on the picture's size notices.
    """

    inner: Denoiser

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return self.inner(x, replace(q, final=q.canvas))
