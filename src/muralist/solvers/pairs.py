"""Estimate to next x: the solvers, written in pairs (x, x0) so that they serve every family.

All of them are affine in the pair with coefficients shared over space, hence fusing views and
then stepping the canvas once equals stepping every view and then fusing. A solver keeps no state:
what it must remember it returns, and is given back at the next step. Schedulers of diffusers that
are none of these are solvers, too (`stepped`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from muralist.query import Estimate, Query, Step
from muralist.solvers.memory import Memory
from muralist.strips import cellwise

__all__ = ["DPMSolverPP2M", "Solver", "ddim", "euler"]

# The query's step is the one to take; what a solver draws comes from `Query.rng`.
Solver: TypeAlias = Callable[[Estimate, Query, Memory | None], tuple[Tensor, Memory | None]]


def ddim(estimate: Estimate, q: Query, memory: Memory | None = None) -> tuple[Tensor, None]:
    """DDIM without noise (Song et al., 2021, eq. 12 with eta 0)."""
    step = q.step

    def led(x: Tensor, x0: Tensor) -> Tensor:
        return step.alpha_next * x0 + step.sigma_next * step.noise(x, x0)

    return cellwise(led, *estimate), None


def euler(estimate: Estimate, q: Query, memory: Memory | None = None) -> tuple[Tensor, None]:
    """Euler on the probability flow (Karras et al., 2022, without churn).

    In the variable x / alpha over sigma / alpha for networks of noise and velocity, in x over
    sigma for flow. In pairs, either is the update of DDIM.
    """
    return ddim(estimate, q)


@dataclass(frozen=True)
class DPMSolverPP2M:
    """DPM-Solver++(2M), midpoint (Lu et al., 2022, alg. 2): a line through the last two x0."""

    first_order_last: bool = True  # the last step trusts only the last estimate

    def __call__(
        self, estimate: Estimate, q: Query, memory: Memory | None = None
    ) -> tuple[Tensor, Memory]:
        step = q.step
        last = step.index == step.count - 1
        shrink = step.sigma_next / step.sigma
        fade = shrink * step.alpha / step.alpha_next  # exp(-h)

        def led(x: Tensor, x0: Tensor) -> Tensor:
            return shrink * x + step.alpha_next * (1 - fade) * x0

        if memory is None or (last and self.first_order_last):
            x = cellwise(led, *estimate)
        else:
            back = _log_snr(step) - memory["log_snr"]
            further = 0.5 * (_log_snr_next(step) - _log_snr(step)) / back
            x = cellwise(
                lambda x, x0, before: led(x, x0 + (x0 - before) * further),
                *estimate,
                memory["x0"],
            )
        return x, {"x0": estimate.x0, "log_snr": _log_snr(step)}


def _log_snr(step: Step) -> float:
    return math.log(step.alpha / step.sigma) if step.alpha else -math.inf


def _log_snr_next(step: Step) -> float:
    return math.log(step.alpha_next / step.sigma_next) if step.sigma_next else math.inf
