"""A diffusers scheduler as a solver: stepped once, on the whole canvas."""

import inspect
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from torch import Tensor

from muralist.query import Estimate, Query
from muralist.solvers.memory import Memory
from muralist.strips import cellwise

__all__ = ["Stepped", "awake", "takes_generator"]

_UNSET = object()


@dataclass(frozen=True, eq=False)
class Stepped:
    """A scheduler whose equations are its own.

    It is shown the network's output behind the estimate, (carry x - x0) / gain, and a sample in
    its own units: x is `units` times the sample, one for each call of the network, the last for
    the end. The instance held here has its timesteps set and is never stepped: a copy is, and
    what the copy has changed of itself is the memory. What it draws follows from the query, on the
    CPU, at once for the canvas.
    """

    scheduler: Any
    units: tuple[float, ...]

    def __call__(
        self, estimate: Estimate, q: Query, memory: Memory | None = None
    ) -> tuple[Tensor, Memory]:
        step = q.step
        now, after = self.units[step.index : step.index + 2]
        sample = cellwise(lambda x: x / now, estimate.x)
        output = cellwise(lambda x, x0: (step.carry * x - x0) / step.gain, *estimate)
        stepped = awake(self.scheduler, memory or {})
        if memory is None and hasattr(stepped, "set_begin_index"):
            stepped.set_begin_index(step.index)
        timestep = stepped.timesteps[step.index]
        stepped.scale_model_input(sample[..., :1, :1], timestep)  # some want to be asked first
        moved = stepped.step(output, timestep, sample, return_dict=False, **self._random(q, sample))
        if memory is None and step.index and hasattr(stepped, "counter"):
            stepped.counter += 1  # PNDM's second call would correct its first, on the same level
        x = cellwise(lambda _, moved: moved * after, estimate.x, moved[0])
        return x, self._changed(stepped)

    def _changed(self, stepped: Any) -> Memory:
        before = vars(self.scheduler)
        return {
            name: value
            for name, value in vars(stepped).items()
            if value is not before.get(name, _UNSET)
        }

    def _random(self, q: Query, sample: Tensor) -> dict[str, Any]:
        if not takes_generator(self.scheduler):
            return {}
        # tensors without data are counted, and need no numbers
        return {"generator": None if sample.is_meta else q.rng("solver")}


def awake(scheduler: Any, changes: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """A copy to be stepped, with some of its attributes changed; lists are copied, too."""
    one, state = copy(scheduler), {**vars(scheduler), **changes}
    vars(one).update({k: list(v) if isinstance(v, list) else v for k, v in state.items()})
    return one


def takes_generator(scheduler: Any) -> bool:
    """Whether its steps may draw noise."""
    return "generator" in inspect.signature(scheduler.step).parameters
