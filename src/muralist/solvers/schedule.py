"""How noise falls: steps and solver from any diffusers scheduler config, and ramps over them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeAlias

import torch

from muralist.canvas import Size
from muralist.errors import BadRequest, MuralistError, UnsupportedModel
from muralist.query import Cond, Estimate, Query, Step
from muralist.solvers.levels import (
    known_to,
    of_sigmas,
    scales,
    seen,
    settings_of,
    steps_of,
    straight,
    unscaled,
    vp_sigma,
)
from muralist.solvers.pairs import DPMSolverPP2M, Solver, ddim, euler
from muralist.solvers.stepped import Stepped

__all__ = [
    "SCHEDULERS",
    "SOLVERS",
    "Constant",
    "Cosine",
    "Other",
    "Schedule",
    "SolverName",
    "schedule",
]


class Other(NamedTuple):
    """A scheduler that takes another one's config, with some settings changed."""

    scheduler: str
    changes: Mapping[str, Any]


# another class than the config's has defaults of its own, and some clip
_UNCLIPPED = {"clip_sample": False, "thresholding": False}
_DPMPP = {"algorithm_type": "dpmsolver++", "solver_type": "midpoint", "solver_order": 2}
_SDE = {**_DPMPP, "algorithm_type": "sde-dpmsolver++"}
SolverName: TypeAlias = Literal[
    "ddim",
    "euler",
    "dpmpp2m",
    "ddpm",
    "deis",
    "dpm2",
    "dpm2_a",
    "dpmpp2m_sde",
    "dpmpp2s",
    "dpmpp_sde",
    "euler_a",
    "heun",
    "lcm",
    "lms",
    "pndm",
    "sa",
    "tcd",
    "unipc",
]
SOLVERS: Mapping[str, Other] = {
    name: Other(scheduler, {**_UNCLIPPED, **changes})
    for name, scheduler, changes in (
        ("ddim", "DDIMScheduler", {}),
        ("euler", "EulerDiscreteScheduler", {}),
        ("dpmpp2m", "DPMSolverMultistepScheduler", _DPMPP),
        ("ddpm", "DDPMScheduler", {"variance_type": "fixed_small"}),
        ("deis", "DEISMultistepScheduler", {}),
        ("dpm2", "KDPM2DiscreteScheduler", {}),
        ("dpm2_a", "KDPM2AncestralDiscreteScheduler", {}),
        ("dpmpp2m_sde", "DPMSolverMultistepScheduler", _SDE),
        ("dpmpp2s", "DPMSolverSinglestepScheduler", _DPMPP),
        ("dpmpp_sde", "DPMSolverSinglestepScheduler", _SDE),
        ("euler_a", "EulerAncestralDiscreteScheduler", {}),
        ("heun", "HeunDiscreteScheduler", {}),
        ("lcm", "LCMScheduler", {}),
        ("lms", "LMSDiscreteScheduler", {}),
        ("pndm", "PNDMScheduler", {"skip_prk_steps": True}),
        ("sa", "SASolverScheduler", {"algorithm_type": "data_prediction"}),
        ("tcd", "TCDScheduler", {}),
        ("unipc", "UniPCMultistepScheduler", {}),
    )
}


@dataclass(frozen=True)
class Cosine:
    """Falls from 1 (noise) to 0 (picture); a higher power falls sooner (DemoFusion, c1 to c3)."""

    power: float = 1.0

    def __call__(self, step: Step) -> float:
        return (0.5 * (1 + math.cos(math.pi * (1 - step.t)))) ** self.power


@dataclass(frozen=True)
class Constant:
    """The same at every step."""

    value: float

    def __call__(self, step: Step) -> float:
        return self.value


@dataclass(frozen=True)
class Schedule:
    """The steps of a run, from noise to picture, and the solver that takes them.

    A step is a call of the network: schedulers of second order make two of most of those that
    were asked for. A run is entered at the first of them: `entries` are their places, every step's
    if unset.
    """

    steps: tuple[Step, ...]
    solver: Solver
    noise_scale: float = 1.0  # of the canvas a run starts from, in standard deviations
    entries: tuple[int, ...] | None = None

    @property
    def count(self) -> int:
        """The steps that were asked for."""
        return len(self._entries)

    @property
    def _entries(self) -> Sequence[int]:
        return range(len(self.steps)) if self.entries is None else self.entries

    def entered(self, strength: float) -> "Schedule":
        """The last `strength` (above 0, up to 1) of the steps, counted as diffusers counts."""
        if not 0 < strength <= 1:
            raise BadRequest(
                f"a stage is entered at a strength above 0 and up to 1, not {strength}"
            )
        keep = min(int(self.count * strength), self.count)
        if keep < 1:
            raise BadRequest(
                f"strength {strength} of {self.count} steps leaves no step;"
                f" {1 / self.count:.3g} is the least"
            )
        first, *_ = entries = self._entries[self.count - keep :]
        kept = None if self.entries is None else tuple(place - first for place in entries)
        return replace(self, steps=self.steps[first:], entries=kept)


def schedule(
    config: Mapping[str, Any], num_inference_steps: int, solver: SolverName | None = None
) -> Schedule:
    """The steps and solver that a diffusers scheduler config describes.

    `config` is a scheduler's `config` or the content of `scheduler_config.json`. DDIM, Euler,
    DPM-Solver++ (first and second order) and flow-matching Euler are solved in pairs, with every
    spacing, beta schedule and sigma curve that diffusers builds, and predictions of noise,
    velocity, the sample itself, and flow. Their other settings, and all others in `SCHEDULERS`,
    are stepped by diffusers. `solver`, a name in `SOLVERS`, takes any config's noise levels with
    another scheduler, as diffusers' `from_config` does.

    Raises `UnsupportedModel` for a scheduler or a setting that is none of these, with what to use,
    and `BadRequest` for a number of steps that it cannot take.
    """
    name, changes = SOLVERS[solver] if solver else (str(config.get("_class_name", "")), {})
    if name not in SCHEDULERS:
        raise UnsupportedModel(
            f"scheduler {name or '(unnamed)'} is not covered; choose one of {', '.join(SOLVERS)}"
            " as the solver"
        )
    trained = int(config.get("num_train_timesteps", 1000))
    if not 1 <= num_inference_steps <= trained:
        raise BadRequest(
            f"num_inference_steps is {num_inference_steps}; 1 to {trained} are possible"
        )
    scheduler = _made(name, config, changes)
    settings = settings_of(scheduler)
    _refuse(settings, config)
    try:
        scheduler.set_timesteps(num_inference_steps)
    except (ValueError, IndexError) as error:
        raise BadRequest(
            f"num_inference_steps is {num_inference_steps}; {name} says: {_first(error)}"
        ) from error
    if not hasattr(scheduler, "sigmas") and int(scheduler.timesteps[0]) >= trained:
        raise BadRequest(
            f"num_inference_steps is {num_inference_steps}; the scheduler's offset leaves room for"
            " fewer"
        )
    covered = all(settings.get(key) in values for key, values in _PAIRED.items())
    try:
        return (SCHEDULERS[name] if covered else _read_stepped)(scheduler)
    except MuralistError:
        raise
    except (NotImplementedError, ValueError) as error:
        raise UnsupportedModel(f"{name} cannot step with its config: {_first(error)}") from error


def _made(name: str, config: Mapping[str, Any], changes: Mapping[str, Any]) -> Any:
    import diffusers

    cls = getattr(diffusers, name)
    changed = {key: changes[key] for key in changes.keys() & known_to(cls)}
    try:
        return cls.from_config({**config}, **changed)
    except (ValueError, NotImplementedError, ImportError) as error:
        raise UnsupportedModel(f"{name} cannot be made of its config: {_first(error)}") from error


def _refuse(settings: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raises `UnsupportedModel` for settings that a run cannot honour, or networks."""
    for key, (possible, reason) in _REFUSED.items():
        if key in settings and settings[key] not in possible:
            raise UnsupportedModel(
                f"the scheduler's {key}={settings[key]!r} is not covered, since {reason};"
                f" set it to {possible[0]!r}, or choose one of {', '.join(SOLVERS)} as the solver"
            )
    if "sigma_data" in given and "sigma_data" not in settings:
        raise UnsupportedModel(
            f"a network preconditioned for sigma_data={given['sigma_data']} needs the scheduler it"
            " came with; leave the solver unset"
        )


def _first(error: Exception) -> str:
    """The first sentence of what diffusers says."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


_PIXELS = "latents are no pixels, and have no bounds to be clipped to"
_REFUSED: Mapping[str, tuple[tuple[Any, ...], str]] = {  # what is possible, and why nothing else
    "clip_sample": ((False, None), _PIXELS),
    "thresholding": ((False, None), _PIXELS),
    "invert_sigmas": ((False, None), "a run goes from noise to picture"),
    "stochastic_sampling": ((False, None), "its noise is for flow models alone"),
    "use_dynamic_shifting": ((False, None), "diffusers shifts by a size that it is not told here"),
    "skip_prk_steps": ((True,), "its Runge-Kutta steps ask beside the levels of noise"),
    "variance_type": (
        ("fixed_small", None, "fixed_small_log", "fixed_large", "fixed_large_log"),
        "networks of latents predict no variance",
    ),
}
_PAIRED: Mapping[str, tuple[Any, ...]] = {  # settings that our own solvers cover
    "timestep_type": ("discrete", None),
    "algorithm_type": ("dpmsolver++", None),
    "solver_type": ("midpoint", None),
    "solver_order": (1, 2, None),
}


def _read_ddim(scheduler: Any) -> Schedule:
    alphas = scheduler.alphas_cumprod.double().sqrt()
    stride = scheduler.config.num_train_timesteps // scheduler.num_inference_steps
    moves = []
    for timestep in scheduler.timesteps.tolist():
        after = timestep - stride
        alpha = float(alphas[timestep])
        alpha_next = float(alphas[after] if after >= 0 else scheduler.final_alpha_cumprod**0.5)
        moves.append(((alpha, vp_sigma(alpha)), (alpha_next, vp_sigma(alpha_next))))
    return Schedule(steps_of(scheduler, moves), ddim)


def _read_euler(scheduler: Any) -> Schedule:
    steps = steps_of(scheduler, pairwise(of_sigmas(scheduler)))
    # diffusers starts from noise times init_noise_sigma in the variable x / alpha
    return Schedule(steps, euler, noise_scale=float(scheduler.init_noise_sigma) * steps[0].alpha)


def _read_flow_euler(scheduler: Any) -> Schedule:
    levels = [straight(sigma) for sigma in scheduler.sigmas.double().tolist()]
    return Schedule(steps_of(scheduler, pairwise(levels)), euler)


def _read_dpm(scheduler: Any) -> Schedule:
    config = scheduler.config
    last = config.euler_at_final or config.final_sigmas_type == "zero"
    last = last or (config.lower_order_final and len(scheduler.timesteps) < 15)
    solver = DPMSolverPP2M(first_order_last=last) if config.solver_order == 2 else ddim
    return Schedule(steps_of(scheduler, pairwise(of_sigmas(scheduler))), solver)


def _read_stepped(scheduler: Any) -> Schedule:
    """The levels at which the network is asked; the rest is diffusers'."""
    scaled = scales(scheduler)
    levels = seen(scheduler) if scaled else unscaled(scheduler)
    steps = steps_of(scheduler, pairwise(levels))
    # what the network is shown is our x; a scheduler that scales it has x / alpha
    units = (*(step.alpha if scaled else 1.0 for step in steps), 1.0)
    solver = Stepped(scheduler, units)
    _try(solver, steps)
    noise_scale = float(scheduler.init_noise_sigma) * units[0]
    return Schedule(steps, solver, noise_scale, _entries(scheduler))


def _try(solver: Stepped, steps: Sequence[Step]) -> None:
    """Raises `UnsupportedModel` where a run of a single cell does not end in a number."""
    x, memory, cell = torch.ones(1, 1, 1, 1), None, Size(1, 1)
    nothing = Cond(torch.zeros(1, 1, 1))
    for step in steps:
        query = Query(step=step, cond=nothing, canvas=cell, final=cell)
        x, memory = solver(Estimate(x, x), query, memory)
    if not bool(x.isfinite()):
        name, last = type(solver.scheduler).__name__, "sigma_min"
        raise UnsupportedModel(
            f"{name} ends in {float(x)} with these settings, most often for the lack of noise at"
            f" its end; try final_sigmas_type={last!r}, or choose a solver"
        )


SCHEDULERS: Mapping[str, Callable[[Any], Schedule]] = {
    "DDIMScheduler": _read_ddim,
    "EulerDiscreteScheduler": _read_euler,
    "DPMSolverMultistepScheduler": _read_dpm,
    "FlowMatchEulerDiscreteScheduler": _read_flow_euler,
    **dict.fromkeys(
        (
            "DDPMScheduler",
            "DEISMultistepScheduler",
            "DPMSolverSinglestepScheduler",
            "EDMDPMSolverMultistepScheduler",
            "EDMEulerScheduler",
            "EulerAncestralDiscreteScheduler",
            "HeunDiscreteScheduler",
            "KDPM2AncestralDiscreteScheduler",
            "KDPM2DiscreteScheduler",
            "LCMScheduler",
            "LMSDiscreteScheduler",
            "PNDMScheduler",
            "SASolverScheduler",
            "TCDScheduler",
            "UniPCMultistepScheduler",
        ),
        _read_stepped,
    ),
}


def _entries(scheduler: Any) -> tuple[int, ...] | None:
    """The first calls of steps, where a scheduler makes several for one."""
    calls = len(scheduler.timesteps)
    if scheduler.order > 1:
        return tuple(range(0, calls, scheduler.order))
    doubled = calls > scheduler.num_inference_steps  # PNDM's second, which corrects the first
    return (0, *range(2, calls)) if doubled else None
