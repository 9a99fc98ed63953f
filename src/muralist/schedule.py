"""How noise falls: steps and solver from any diffusers scheduler config, and ramps over them."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from muralist.errors import BadRequest, UnsupportedModel
from muralist.query import Step
from muralist.solve import DPMSolverPP2M, Solver, ddim, euler

__all__ = ["SOLVERS", "Constant", "Cosine", "Schedule", "schedule"]


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
    """The steps of a run, from noise to picture, and the solver that takes them."""

    steps: tuple[Step, ...]
    solver: Solver
    noise_scale: float = 1.0  # of the canvas a run starts from, in standard deviations

    def entered(self, strength: float) -> "Schedule":
        """The last `strength` (above 0, up to 1) of the steps, counted as diffusers counts."""
        if not 0 < strength <= 1:
            raise BadRequest(
                f"a stage is entered at a strength above 0 and up to 1, not {strength}"
            )
        keep = min(int(len(self.steps) * strength), len(self.steps))
        if keep < 1:
            raise BadRequest(
                f"strength {strength} of {len(self.steps)} steps leaves no step;"
                f" {1 / len(self.steps):.3g} is the least"
            )
        return replace(self, steps=self.steps[len(self.steps) - keep :])


def schedule(
    config: Mapping[str, Any], num_inference_steps: int, solver: str | None = None
) -> Schedule:
    """The steps and solver that a diffusers scheduler config describes.

    `config` is a scheduler's `config` or the content of `scheduler_config.json`. DDIM, Euler,
    DPM-Solver++ (first and second order) and flow-matching Euler are covered, with every spacing,
    beta schedule and sigma curve that diffusers builds, and predictions of noise, velocity, the
    sample itself, and flow. `solver` (`ddim`, `euler` or `dpmpp2m`) takes any config's noise
    levels with another solver, as diffusers' `from_config` does.

    Raises `UnsupportedModel` for a scheduler whose step is not one of these, and `BadRequest` for
    a number of steps outside 1 to the number of training timesteps.
    """
    import diffusers

    name = SOLVERS[solver] if solver else str(config.get("_class_name", ""))
    if name not in _READERS:
        raise UnsupportedModel(
            f"scheduler {name or '(unnamed)'} is not covered; choose one of {', '.join(SOLVERS)}"
            " as the solver"
        )
    trained = int(config.get("num_train_timesteps", 1000))
    if not 1 <= num_inference_steps <= trained:
        raise BadRequest(
            f"num_inference_steps is {num_inference_steps}; 1 to {trained} are possible"
        )
    # another class than the config's has defaults of its own, and DDIM's clips
    changed = {"clip_sample": False} if solver == "ddim" else {}
    cls = getattr(diffusers, name)
    scheduler = cls.from_config({**config, **changed, "_class_name": name})
    _refuse_uncovered(scheduler.config, set(inspect.signature(cls.__init__).parameters))
    return _READERS[name](scheduler, num_inference_steps)


SOLVERS: Mapping[str, str] = {
    "ddim": "DDIMScheduler",
    "euler": "EulerDiscreteScheduler",
    "dpmpp2m": "DPMSolverMultistepScheduler",
}


def _refuse_uncovered(config: Mapping[str, Any], known: set[str]) -> None:
    uncovered = {
        "clip_sample": (False, None),  # clips latents as if they were pixels
        "thresholding": (False, None),
        "timestep_type": ("discrete", None),
        "use_dynamic_shifting": (False, None),
        "stochastic_sampling": (False, None),
        "invert_sigmas": (False, None),
        "algorithm_type": ("dpmsolver++", None),
        "solver_type": ("midpoint", None),
        "solver_order": (1, 2, None),
    }
    for key in known & uncovered.keys():
        covered = uncovered[key]
        if config.get(key) not in covered:
            raise UnsupportedModel(
                f"the scheduler's {key}={config.get(key)!r} is not covered;"
                f" {' or '.join(repr(value) for value in covered if value is not None)} is"
            )


def _read_ddim(scheduler: Any, count: int) -> Schedule:
    scheduler.set_timesteps(count)
    alphas = scheduler.alphas_cumprod.double().sqrt()
    if int(scheduler.timesteps[0]) >= len(alphas):
        raise BadRequest(
            f"num_inference_steps is {count}; the scheduler's offset leaves room for fewer"
        )
    stride = scheduler.config.num_train_timesteps // count
    levels = []
    for timestep in scheduler.timesteps.tolist():
        after = timestep - stride
        alpha = float(alphas[timestep])
        alpha_next = float(alphas[after] if after >= 0 else scheduler.final_alpha_cumprod**0.5)
        levels.append((timestep, alpha, _other(alpha), alpha_next, _other(alpha_next)))
    return Schedule(_steps(scheduler, levels), ddim)


def _read_euler(scheduler: Any, count: int) -> Schedule:
    scheduler.set_timesteps(count)
    steps = _steps(scheduler, _levels(scheduler, _variance_preserving))
    # diffusers starts from noise times init_noise_sigma in the variable x / alpha
    return Schedule(steps, euler, noise_scale=float(scheduler.init_noise_sigma) * steps[0].alpha)


def _read_flow_euler(scheduler: Any, count: int) -> Schedule:
    scheduler.set_timesteps(count)
    return Schedule(_steps(scheduler, _levels(scheduler, _straight), flow=True), euler)


def _read_dpm(scheduler: Any, count: int) -> Schedule:
    scheduler.set_timesteps(count)
    config = scheduler.config
    flow = bool(config.get("use_flow_sigmas"))
    levels = _levels(scheduler, _straight if flow else _variance_preserving)
    last = config.euler_at_final or config.final_sigmas_type == "zero"
    last = last or (config.lower_order_final and count < 15)
    solver = DPMSolverPP2M(first_order_last=last) if config.solver_order == 2 else ddim
    return Schedule(_steps(scheduler, levels, flow), solver)


_READERS: dict[str, Callable[[Any, int], Schedule]] = {
    "DDIMScheduler": _read_ddim,
    "DPMSolverMultistepScheduler": _read_dpm,
    "EulerDiscreteScheduler": _read_euler,
    "FlowMatchEulerDiscreteScheduler": _read_flow_euler,
}


def _variance_preserving(ratio: float) -> tuple[float, float]:
    """(alpha, sigma) of a noise-to-signal ratio."""
    alpha = 1 / math.sqrt(1 + ratio**2)
    return alpha, ratio * alpha


def _straight(sigma: float) -> tuple[float, float]:
    """(alpha, sigma) of rectified flow."""
    return 1 - sigma, sigma


def _other(alpha: float) -> float:
    return math.sqrt(max(1 - alpha**2, 0.0))


def _levels(scheduler: Any, level: Callable[[float], tuple[float, float]]) -> list[tuple]:
    sigmas = [level(float(sigma)) for sigma in scheduler.sigmas.double()]
    timesteps = scheduler.timesteps.tolist()
    moves = zip(timesteps, pairwise(sigmas), strict=True)
    return [(timestep, *now, *after) for timestep, (now, after) in moves]


def _steps(scheduler: Any, levels: list[tuple], flow: bool = False) -> tuple[Step, ...]:
    prediction = "flow_prediction" if flow else str(scheduler.config.prediction_type)
    trained = scheduler.config.num_train_timesteps
    steps = []
    for index, (timestep, alpha, sigma, alpha_next, sigma_next) in enumerate(levels):
        carry, gain = _parametrisation(prediction, alpha, sigma)
        steps.append(
            Step(
                index=index,
                count=len(levels),
                timestep=float(timestep),
                t=float(timestep) / trained,
                alpha=alpha,
                sigma=sigma,
                alpha_next=alpha_next,
                sigma_next=sigma_next,
                carry=carry,
                gain=gain,
            )
        )
    return tuple(steps)


def _parametrisation(prediction: str, alpha: float, sigma: float) -> tuple[float, float]:
    """(carry, gain) in x0 = carry * x - gain * output."""
    if prediction == "epsilon" and alpha > 0:
        return 1 / alpha, sigma / alpha
    if prediction == "v_prediction":
        return alpha, sigma
    if prediction == "flow_prediction":
        return 1.0, sigma
    if prediction == "sample":
        return 0.0, -1.0
    if prediction == "epsilon":
        raise UnsupportedModel("a network that predicts noise cannot start from pure noise (SNR 0)")
    raise UnsupportedModel(f"prediction type {prediction!r} is not covered")
