"""On whole trajectories our solvers go where diffusers' schedulers go."""

import inspect
from collections.abc import Mapping
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from muralist import BadRequest, UnsupportedModel
from muralist.canvas import Size
from muralist.query import Estimate
from muralist.solvers.pairs import DPMSolverPP2M, ddim, euler
from muralist.solvers.schedule import SOLVERS, schedule
from muralist.solvers.stepped import Stepped
from tests.laws.parts import normal, query

# Stable Diffusion 1, 2 and XL have the same betas; their schedulers differ in the rest.
SD = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
}
CLOSE = 2e-5  # of the standard deviation: diffusers computes its tables in float32

Config = Mapping[str, Any]
CASES: dict[str, tuple[str, Config]] = {}
for spacing in ("leading", "trailing", "linspace"):
    for prediction in ("epsilon", "v_prediction", "sample"):
        shared = {**SD, "timestep_spacing": spacing, "prediction_type": prediction}
        dpm = "DPMSolverMultistepScheduler"
        variants: dict[str, tuple[str, Config]] = {
            "DDIM": ("DDIMScheduler", shared),
            "Euler": ("EulerDiscreteScheduler", shared),
            "DPM++ 2M": (dpm, shared),
            "DPM++ 1": (dpm, {**shared, "solver_order": 1}),
            "DPM++ 2M karras": (dpm, {**shared, "use_karras_sigmas": True}),
            "DPM++ 2M to sigma_min": (dpm, {**shared, "final_sigmas_type": "sigma_min"}),
        }
        if prediction == "sample":
            del variants["Euler"]  # diffusers has none
        CASES |= {f"{name}, {spacing}, {prediction}": case for name, case in variants.items()}
CASES |= {
    "DDIM, alpha 1 at the end": ("DDIMScheduler", {**SD, "set_alpha_to_one": True}),
    "DDIM, pure noise at the start": (
        "DDIMScheduler",
        {
            **SD,
            "rescale_betas_zero_snr": True,
            "timestep_spacing": "trailing",
            "prediction_type": "v_prediction",
        },
    ),
    "DDIM, linear betas": ("DDIMScheduler", {**SD, "beta_schedule": "linear"}),
    "Euler, cosine betas": (
        "EulerDiscreteScheduler",
        {**SD, "beta_schedule": "squaredcos_cap_v2", "timestep_spacing": "linspace"},
    ),
    "Euler, karras": ("EulerDiscreteScheduler", {**SD, "use_karras_sigmas": True}),
    "Euler, exponential": ("EulerDiscreteScheduler", {**SD, "use_exponential_sigmas": True}),
    "DPM++ 2M, first order at the end": (
        "DPMSolverMultistepScheduler",
        {**SD, "euler_at_final": True, "final_sigmas_type": "sigma_min"},
    ),
    "DPM++ 2M, second order at the end": (
        "DPMSolverMultistepScheduler",
        {**SD, "lower_order_final": False, "final_sigmas_type": "sigma_min"},
    ),
    "DPM++ 2M, flow": (
        "DPMSolverMultistepScheduler",
        {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": 3.0},
    ),
    "flow Euler": ("FlowMatchEulerDiscreteScheduler", {}),
    "flow Euler, shifted": ("FlowMatchEulerDiscreteScheduler", {"shift": 3.0}),
}


def output(x: Tensor, timestep: float) -> Tensor:
    return torch.tanh(1.3 * x + timestep / 1000) - 0.2 * x.roll(1, -1)


def by_diffusers(name: str, config: Config, count: int) -> list[Tensor]:
    scheduler = getattr(diffusers, name).from_config(dict(config))
    scheduler.set_timesteps(count)
    start = normal(1, 4, 8, 8, dtype=torch.float32)
    x, trail = start * getattr(scheduler, "init_noise_sigma", 1.0), []
    for timestep in scheduler.timesteps:
        scale = getattr(scheduler, "scale_model_input", lambda x, timestep: x)
        answer = output(scale(x, timestep), float(timestep))
        x = scheduler.step(answer, timestep, x, return_dict=False)[0]
        trail.append(x)
    return trail


def by_us(name: str, config: Config, count: int) -> list[Tensor]:
    """In the variable that diffusers' scheduler of that name steps: x / alpha for Euler."""
    run = schedule({**config, "_class_name": name}, count)
    x, memory, trail = normal(1, 4, 8, 8, dtype=torch.float32) * run.noise_scale, None, []
    for step in run.steps:
        x0 = step.carry * x - step.gain * output(x, step.timestep)
        x, memory = run.solver(Estimate(x, x0), query(Size(8, 8), step), memory)
        trail.append(x / step.alpha_next if name == "EulerDiscreteScheduler" else x)
    return trail


@pytest.mark.parametrize("count", [2, 7, 20])  # DPM++ ends otherwise below 15
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_our_solvers_equal_diffusers_at_every_step(case, count):
    ours, theirs = by_us(*case, count), by_diffusers(*case, count)
    assert len(ours) == len(theirs) == count
    errors = [float((a - b).abs().max() / b.std()) for a, b in zip(ours, theirs, strict=True)]
    assert max(errors) < CLOSE


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_timesteps_are_those_of_diffusers(case):
    name, config = case
    scheduler = getattr(diffusers, name).from_config(dict(config))
    scheduler.set_timesteps(7)
    ours = [step.timestep for step in schedule({**config, "_class_name": name}, 7).steps]
    assert ours == scheduler.timesteps.tolist()


def test_first_and_second_order_part_ways():
    """So that the comparisons above can fail."""
    first = by_us("DPMSolverMultistepScheduler", {**SD, "solver_order": 1}, 7)
    second = by_us("DPMSolverMultistepScheduler", SD, 7)
    assert (first[-1] - second[-1]).abs().max() > 1e-2


@pytest.mark.parametrize(
    ("name", "config", "solver"),
    [
        ("DDIMScheduler", SD, ddim),
        ("EulerDiscreteScheduler", SD, euler),
        ("FlowMatchEulerDiscreteScheduler", {}, euler),
        ("DPMSolverMultistepScheduler", SD, DPMSolverPP2M(first_order_last=True)),
        ("DPMSolverMultistepScheduler", {**SD, "solver_order": 1}, ddim),
    ],
)
def test_schedulers_choose_the_solver(name, config, solver):
    assert schedule({**config, "_class_name": name}, 7).solver == solver


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("IPNDMScheduler", {}, "scheduler IPNDMScheduler is not covered; choose one of ddim"),
        ("", {}, r"scheduler \(unnamed\) is not covered"),
        ("DPMSolverSDEScheduler", {}, "DPMSolverSDEScheduler is not covered"),
        ("PNDMScheduler", {}, "skip_prk_steps=False is not covered, .*; set it to True, or choose"),
        ("DDIMScheduler", {"clip_sample": True}, "clip_sample=True is not covered.* to False"),
        (
            "DDPMScheduler",
            {"clip_sample": False, "variance_type": "learned"},
            "variance_type='learned' is not covered",
        ),
        ("DDIMScheduler", {"thresholding": True}, "thresholding=True is not covered"),
        (
            "DPMSolverMultistepScheduler",
            {"algorithm_type": "dpmsolver"},
            "DPMSolverMultistepScheduler cannot be made of its config: .*final_sigmas_type",
        ),
        (
            "FlowMatchEulerDiscreteScheduler",
            {"use_dynamic_shifting": True},
            "use_dynamic_shifting=True",
        ),
        (
            "FlowMatchEulerDiscreteScheduler",
            {"stochastic_sampling": True},
            "stochastic_sampling=True",
        ),
        (
            "DDIMScheduler",
            {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
            "predicts noise cannot start from pure noise",
        ),
        ("DDIMScheduler", {"prediction_type": "score"}, "prediction type 'score' is not covered"),
    ],
)
def test_what_our_equations_do_not_cover_is_refused(name, change, message):
    plain = SD if name == "DDIMScheduler" else {}
    with pytest.raises(UnsupportedModel, match=message):
        schedule({**plain, **change, "_class_name": name}, 7)


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_a_number_of_steps_outside_the_training_schedule_is_refused(count):
    with pytest.raises(BadRequest, match=f"num_inference_steps is {count}; 1 to 1000"):
        schedule({**SD, "_class_name": "DDIMScheduler"}, count)


@pytest.mark.parametrize("count", [1, 999])
@pytest.mark.parametrize(
    "name", ["DDIMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler"]
)
def test_any_number_of_steps_up_to_the_training_schedule_is_possible(name, count):
    config = {**SD, "timestep_spacing": "trailing", "_class_name": name}
    assert len(schedule(config, count).steps) == count


def test_as_many_steps_as_an_offset_leaves_no_room_for_are_refused():
    """An offset of 1 puts the first of 1000 leading timesteps at 1000, where there is no noise."""
    with pytest.raises(BadRequest, match="num_inference_steps is 1000; the scheduler's offset"):
        schedule({**SD, "_class_name": "DDIMScheduler"}, 1000)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize(
    "name", ["DDIMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler"]
)
def test_another_solver_is_what_diffusers_makes_of_the_same_config(name, prediction, solver):
    """`Other.from_config(scheduler.config)`, as users of diffusers change schedulers."""
    given = getattr(diffusers, name).from_config({**SD, "prediction_type": prediction}).config
    named, changes = SOLVERS[solver]
    other = getattr(diffusers, named)
    known = inspect.signature(other).parameters
    changed = other.from_config(given, **{key: changes[key] for key in changes if key in known})
    ours = schedule({**given, "_class_name": name}, 7, solver)
    theirs = schedule({**changed.config, "_class_name": named}, 7)
    assert ours.steps == theirs.steps
    assert (type(ours.solver), ours.noise_scale) == (type(theirs.solver), theirs.noise_scale)
    if isinstance(ours.solver, Stepped):
        mine, its = (run.solver.scheduler.config for run in (ours, theirs))
        assert {key: mine[key] for key in known} == {key: its[key] for key in known}


@pytest.mark.parametrize("solver", SOLVERS)
def test_another_solver_takes_a_scheduler_that_is_not_covered(solver):
    given = diffusers.IPNDMScheduler.from_config(SD).config
    run = schedule({**given, "_class_name": "IPNDMScheduler"}, 7, solver)
    assert run.count == 7
