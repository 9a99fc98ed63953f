"""Classifier-free guidance, with rescaling and within an interval of steps."""

from dataclasses import dataclass, replace

from torch import Tensor, nn

from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.query import Estimate, Painter, Query, Step

__all__ = ["CFG"]


@dataclass(frozen=True)
class CFG:
    """A network led away from the negative prompt (Ho and Salimans, 2022, eq. 6).

    Both halves are asked in one batch, negative rows first. `scale` up to 1 means no guidance and
    no second half, as in diffusers. `rescale` (0 to 1) pulls the spread of the guided output back
    to the conditional one's (Lin et al., 2023, eq. 15 and 16). `interval` limits guidance to the
    steps from the first to before the second fraction of the schedule (Kynkaanniemi et al., 2024).
    """

    inner: Painter
    scale: float
    rescale: float = 0.0
    interval: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        start, stop = self.interval
        if not 0 <= self.scale < float("inf"):
            raise BadRequest(f"guidance_scale is {self.scale}; 0 or more is possible")
        if not 0 <= self.rescale <= 1:
            raise BadRequest(f"guidance_rescale is {self.rescale}; 0 to 1 are possible")
        if not 0 <= start <= stop <= 1:
            raise BadRequest(
                f"guidance_interval is {start} to {stop}; fractions of the steps, 0 to 1, the"
                " smaller first, are possible"
            )

    @property
    def native(self) -> Size:
        return self.inner.native

    @property
    def network(self) -> nn.Module | None:
        return self.inner.network

    def led(self, scale: float) -> "CFG":
        return replace(self, scale=scale)

    def active(self, step: Step) -> bool:
        """Whether this step is guided."""
        start, stop = self.interval
        return self.scale > 1 and start <= step.index / step.count < stop

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        if q.negative is None or not self.active(q.step):
            return self.inner(x, replace(q, negative=None))
        count = len(x)
        cond = q.negative.rows(count).then(q.cond.rows(count))
        both = replace(q, cond=cond, negative=None, views=q.views * 2)
        without, given = self.inner(x.repeat(2, 1, 1, 1), both).split(count)
        guided = without.x0 + self.scale * (given.x0 - without.x0)
        if self.rescale:
            guided = self._rescaled(x, guided, given.x0, q.step)
        return Estimate(given.x, guided)

    def _rescaled(self, x: Tensor, guided: Tensor, given: Tensor, step: Step) -> Tensor:
        # the network's outputs, up to a factor that cancels: x0 = carry * x - gain * output
        output, plain = step.carry * x - guided, step.carry * x - given
        axes = tuple(range(1, x.ndim))
        ratio = plain.std(axes, keepdim=True) / output.std(axes, keepdim=True)
        return step.carry * x - output * (1 + self.rescale * (ratio - 1))
