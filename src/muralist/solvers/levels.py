"""Levels of noise that a scheduler of diffusers goes through, and what networks say at each."""

import inspect
import math
from collections.abc import Iterable, Mapping, Set
from typing import Any, TypeAlias

import torch
from torch import Tensor

from muralist.errors import UnsupportedModel
from muralist.query import Step
from muralist.solvers.stepped import awake, takes_generator

__all__ = [
    "Level",
    "known_to",
    "of_sigmas",
    "scales",
    "seen",
    "settings_of",
    "steps_of",
    "straight",
    "unscaled",
    "vp_sigma",
]

Level: TypeAlias = tuple[float, float]  # alpha, sigma


def settings_of(scheduler: Any) -> dict[str, Any]:
    """Its config without what other schedulers have left there."""
    known = known_to(type(scheduler))
    return {key: value for key, value in scheduler.config.items() if key in known}


def known_to(cls: type) -> Set[str]:
    return inspect.signature(cls.__init__).parameters.keys()


def scales(scheduler: Any) -> bool:
    """Whether the network is shown something else than the scheduler's sample."""
    shown = awake(scheduler).scale_model_input(torch.ones(1), scheduler.timesteps[0])
    return float(shown) != 1


def seen(scheduler: Any) -> list[Level]:
    """Levels of the network's input, x0 + ratio * noise scaled to the spread of data and 1.

    Found by asking: schedulers of second order have them in between, too, each in its own way.
    """
    spread, one = settings_of(scheduler).get("sigma_data", 1.0), torch.ones(1, 1, 1, 1).double()
    random = {"generator": torch.Generator()} if takes_generator(scheduler) else {}
    asked, levels = awake(scheduler, {k: _double(v) for k, v in vars(scheduler).items()}), []
    for timestep in scheduler.timesteps:
        alpha = float(asked.scale_model_input(one, timestep))
        levels.append((alpha, math.sqrt(1 - (alpha * spread) ** 2)))
        asked.step(one, timestep, one, **random)
    return [*levels, (1.0, 0.0)]


def _double(value: Any) -> Any:
    floating = isinstance(value, Tensor) and value.is_floating_point()
    return value.double() if floating else value


def unscaled(scheduler: Any) -> list[Level]:
    """Levels of a scheduler whose sample is what the network is shown; the end is the picture."""
    if hasattr(scheduler, "_sigma_to_alpha_sigma_t"):
        return of_sigmas(scheduler)
    alphas = scheduler.alphas_cumprod.double().sqrt()[scheduler.timesteps.long()].tolist()
    return [*((alpha, vp_sigma(alpha)) for alpha in alphas), (1.0, 0.0)]


def of_sigmas(scheduler: Any) -> list[Level]:
    """Levels of ratios of noise to picture, or of flow."""
    level = straight if settings_of(scheduler).get("use_flow_sigmas") else variance_preserving
    return [level(sigma) for sigma in scheduler.sigmas.double().tolist()]


def variance_preserving(ratio: float) -> Level:
    """The level of a noise-to-signal ratio."""
    alpha = 1 / math.sqrt(1 + ratio**2)
    return alpha, ratio * alpha


def straight(sigma: float) -> Level:
    """The level of rectified flow."""
    return 1 - sigma, sigma


def vp_sigma(alpha: float) -> float:
    return math.sqrt(max(1 - alpha**2, 0.0))


def steps_of(scheduler: Any, moves: Iterable[tuple[Level, Level]]) -> tuple[Step, ...]:
    timesteps, config = scheduler.timesteps.tolist(), settings_of(scheduler)
    # networks that are told the logarithm of a level know no training timesteps
    told = "sigma_data" in config or config.get("timestep_type") == "continuous"
    steps = []
    for index, (timestep, (now, after)) in enumerate(zip(timesteps, moves, strict=True)):
        carry, gain = _parametrisation(config, *now)
        spent = index / len(timesteps)
        steps.append(
            Step(
                index=index,
                count=len(timesteps),
                timestep=float(timestep),
                t=1 - spent if told else float(timestep) / config["num_train_timesteps"],
                alpha=now[0],
                sigma=now[1],
                alpha_next=after[0],
                sigma_next=after[1],
                carry=carry,
                gain=gain,
            )
        )
    return tuple(steps)


def _parametrisation(config: Mapping[str, Any], alpha: float, sigma: float) -> tuple[float, float]:
    """(carry, gain) in x0 = carry * x - gain * output."""
    flow = config.get("use_flow_sigmas") or "prediction_type" not in config
    prediction = "flow_prediction" if flow else config["prediction_type"]
    if "sigma_data" in config:  # Karras et al., 2022, table 1; x is scaled by c_in, which is alpha
        spread = config["sigma_data"]
        if prediction in ("epsilon", "v_prediction"):
            sign = 1 if prediction == "v_prediction" else -1
            return spread**2 * alpha, sign * spread * sigma
        raise UnsupportedModel(f"prediction type {prediction!r} is not covered with sigma_data")
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
