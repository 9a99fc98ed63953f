"""Schedules fall from noise to picture, are entered as diffusers enters them, and ramps fall."""

import math
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionImg2ImgPipeline
from hypothesis import given, settings
from hypothesis import strategies as st

from muralist import BadRequest
from muralist.solvers.schedule import Constant, Cosine, schedule
from tests.laws.parts import SCHEDULER, normal, steps

quick = settings(max_examples=60, deadline=None, derandomize=True)

VP = {
    f"{name}, {prediction}": {
        **SCHEDULER,
        "_class_name": f"{name}Scheduler",
        "prediction_type": prediction,
    }
    for name in ("DDIM", "EulerDiscrete", "DPMSolverMultistep")
    for prediction in ("epsilon", "v_prediction")
}
FLOW = {
    "flow Euler": {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0},
    "flow DPM++": {
        "_class_name": "DPMSolverMultistepScheduler",
        "use_flow_sigmas": True,
        "prediction_type": "flow_prediction",
    },
}
EVERY_CONFIG = pytest.mark.parametrize("config", [*VP.values(), *FLOW.values()], ids=[*VP, *FLOW])


@EVERY_CONFIG
def test_time_falls_from_near_1_to_near_0(config):
    times = [step.t for step in schedule(config, 20).steps]
    assert all(now > after for now, after in pairwise(times))
    assert 0.9 < times[0] <= 1
    assert 0 <= times[-1] < 0.2


@EVERY_CONFIG
def test_noise_falls_and_every_level_leads_to_the_next(config):
    run = schedule(config, 20)
    for now, after in pairwise(run.steps):
        assert now.alpha_next == pytest.approx(after.alpha, abs=1e-6)
        assert now.sigma_next == pytest.approx(after.sigma, abs=1e-6)
    assert all(step.sigma > step.sigma_next for step in run.steps)
    assert all(step.alpha < step.alpha_next for step in run.steps)


@EVERY_CONFIG
def test_steps_are_numbered(config):
    run = schedule(config, 20)
    assert [step.index for step in run.steps] == list(range(20))
    assert {step.count for step in run.steps} == {20}


@pytest.mark.parametrize("config", VP.values(), ids=VP)
def test_variance_is_preserved(config):
    for step in schedule(config, 20).steps:
        assert step.alpha**2 + step.sigma**2 == pytest.approx(1, abs=1e-9)
        assert step.alpha_next**2 + step.sigma_next**2 == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("config", FLOW.values(), ids=FLOW)
def test_flow_goes_in_a_straight_line(config):
    for step in schedule(config, 20).steps:
        assert step.alpha + step.sigma == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("prediction", "output"),
    [
        ("epsilon", lambda x0, noise, step: noise),
        ("v_prediction", lambda x0, noise, step: step.alpha * noise - step.sigma * x0),
        ("sample", lambda x0, noise, step: x0),
        ("flow_prediction", lambda x0, noise, step: noise - x0),
    ],
)
def test_a_perfect_network_leads_to_the_picture(prediction, output):
    """x0 = carry x - gain output, for the output each kind of network is trained for."""
    x0, noise = normal(1, 3, 4, 4, seed=1), normal(1, 3, 4, 4, seed=2)
    flow = prediction == "flow_prediction"
    for step in steps(8, prediction_type=prediction, use_flow_sigmas=flow):
        x = step.alpha * x0 + step.sigma * noise
        answer = step.carry * x - step.gain * output(x0, noise, step)
        # where alpha is 0.07 a rounding of the tables is worth 1e-14 / 0.07
        torch.testing.assert_close(answer, x0, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(step.noise(x, x0), noise, rtol=1e-9, atol=1e-9)


@quick
@given(count=st.integers(1, 100), strength=st.floats(0, 1, exclude_min=True, allow_subnormal=False))
def test_schedules_are_entered_as_by_image_to_image_of_diffusers(count, strength):
    run = schedule(SCHEDULER, count)
    scheduler = DDIMScheduler.from_config(dict(SCHEDULER))
    scheduler.set_timesteps(count)
    pipe = SimpleNamespace(scheduler=scheduler)
    theirs, kept = StableDiffusionImg2ImgPipeline.get_timesteps(pipe, count, strength, None)
    if not kept:
        with pytest.raises(BadRequest, match=f"strength .* of {count} steps leaves no step"):
            run.entered(strength)
        return
    entered = run.entered(strength)
    assert [step.timestep for step in entered.steps] == theirs.tolist()
    assert entered.steps == run.steps[-kept:]
    assert entered.solver is run.solver


@pytest.mark.parametrize("strength", [0, -0.5, 1.01, float("nan")])
def test_a_strength_outside_0_to_1_is_refused(strength):
    with pytest.raises(BadRequest, match="strength above 0 and up to 1"):
        schedule(SCHEDULER, 10).entered(strength)


def test_the_least_strength_that_leaves_a_step_is_told_and_does():
    run = schedule(SCHEDULER, 8)
    with pytest.raises(BadRequest, match=r"0.125 is the least"):
        run.entered(0.12)
    assert len(run.entered(0.125).steps) == 1


@pytest.mark.parametrize("power", [0, 0.5, 1, 3])
def test_the_cosine_is_that_of_the_paper(power):
    """c = (1 + cos(pi (T - t) / T)) / 2 to a power, t in training timesteps (T = 1000)."""
    for step in schedule(SCHEDULER, 20).steps:
        paper = ((1 + math.cos(math.pi * (1000 - step.timestep) / 1000)) / 2) ** power
        assert Cosine(power)(step) == pytest.approx(paper, rel=1e-12)


def test_the_cosine_falls_from_1_to_0():
    weights = [Cosine(3)(step) for step in schedule(SCHEDULER, 50).steps]
    assert all(now > after for now, after in pairwise(weights))
    assert weights[0] > 0.99
    assert weights[-1] < 1e-15


def test_a_constant_stays():
    assert {Constant(0.3)(step) for step in steps()} == {0.3}


@pytest.mark.parametrize(
    ("name", "spacing", "expected"),
    [
        ("DDIM", "leading", 1.0),
        ("DPMSolverMultistep", "leading", 1.0),
        ("EulerDiscrete", "leading", 1.0),  # sqrt(1 + sigma^2) of x / alpha is 1 of x
        # without the 1: sigma of x / alpha, 14.6 at the last of the training timesteps
        ("EulerDiscrete", "linspace", 14.6146 / math.sqrt(1 + 14.6146**2)),
    ],
)
def test_runs_start_from_as_much_noise_as_those_of_diffusers(name, spacing, expected):
    config = {**SCHEDULER, "_class_name": f"{name}Scheduler", "timestep_spacing": spacing}
    assert schedule(config, 20).noise_scale == pytest.approx(expected, abs=1e-5)


def test_a_scheduler_object_describes_itself():
    config = DDIMScheduler.from_config(dict(SCHEDULER)).config
    named = {**config, "_class_name": "DDIMScheduler"}
    assert schedule(named, 12) == schedule(SCHEDULER, 12)
