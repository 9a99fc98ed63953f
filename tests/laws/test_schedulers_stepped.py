"""Schedulers that diffusers steps: where its own loop goes, whatever is stopped, and to the end."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import diffusers
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline
from torch import Tensor

from muralist import BadRequest, UnsupportedModel
from muralist.canvas import Size
from muralist.query import Estimate, Query
from muralist.solvers.memory import apart, together
from muralist.solvers.schedule import SCHEDULERS, Schedule, schedule
from muralist.solvers.stepped import Stepped
from tests.laws.parts import normal, query

SD = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "clip_sample": False,
    "skip_prk_steps": True,
}
CLOSE = 5e-5  # of the standard deviation: diffusers computes in float32
CANVAS = Size(8, 8)


Case = tuple[str, Mapping[str, Any]]


def kinds() -> dict[str, Case]:
    """Every class that is stepped, and settings of others that are."""
    changes: dict[str, dict[str, Any]] = {
        "DPMSolverMultistep, sde": {"algorithm_type": "sde-dpmsolver++"},
        "DPMSolverMultistep, third order": {"solver_order": 3},
        "DPMSolverMultistep, heun": {"solver_type": "heun"},
        "DPMSolverMultistep, of noise": {
            "algorithm_type": "dpmsolver",
            "final_sigmas_type": "sigma_min",
        },
        "DPMSolverSinglestep, sde": {"algorithm_type": "sde-dpmsolver++"},
        "DPMSolverSinglestep, third order": {"solver_order": 3},
        "UniPCMultistep, bh1, third order": {
            "solver_order": 3,
            "solver_type": "bh1",
            "final_sigmas_type": "sigma_min",
        },
        "UniPCMultistep, of noise": {
            "predict_x0": False,
            "final_sigmas_type": "sigma_min",
        },
        "DDPM, large variance": {"variance_type": "fixed_large"},
        "EDMEuler, unit data": {"sigma_data": 1.0},
    }
    own = ("DDIM", "EulerDiscrete", "DPMSolverMultistep", "FlowMatchEulerDiscrete")
    classes = (name.removesuffix("Scheduler") for name in SCHEDULERS)
    plain: dict[str, dict[str, Any]] = {name: {} for name in classes if name not in own}
    return {
        name: (f"{name.partition(',')[0]}Scheduler", {**_base(name), **changed})
        for name, changed in (plain | changes).items()
    }


def _base(name: str) -> dict[str, Any]:
    return {"num_train_timesteps": 1000} if name.startswith("EDM") else SD


KINDS = kinds()
EVERY_KIND = pytest.mark.parametrize("case", KINDS.values(), ids=KINDS)


def cases() -> dict[str, tuple[Case, int]]:
    """All of them with noise and velocity, few steps, and spacings and curves diffusers has."""
    found = {}
    for kind, (name, config) in KINDS.items():
        known = inspect.signature(getattr(diffusers, name)).parameters
        for prediction in ("epsilon", "v_prediction"):
            for count in (1, 2, 9):
                settings = {**config, "prediction_type": prediction}
                found[f"{kind}, {prediction}, {count}"] = (name, settings), count
        changes = {f"{one} spacing": {"timestep_spacing": one} for one in ("trailing", "linspace")}
        changes |= {one: {f"use_{one}_sigmas": True} for one in ("karras", "exponential", "beta")}
        for change, settings in changes.items():
            if known.keys() >= settings.keys():
                found[f"{kind}, {change}"] = (name, {**config, **settings}), 6
    return found


def network(x: Tensor, timestep: float) -> Tensor:
    return torch.tanh(1.3 * x + timestep / 1000) - 0.2 * x.roll(1, -1)


def by_diffusers(case: Case, count: int, q: Query) -> list[Tensor]:
    """As its pipelines loop, with the noise that we draw."""
    name, config = case
    scheduler = getattr(diffusers, name).from_config(dict(config))
    scheduler.set_timesteps(count)
    x, trail = normal(1, 4, *CANVAS, dtype=torch.float32) * scheduler.init_noise_sigma, []
    for index, timestep in enumerate(scheduler.timesteps):
        answer = network(scheduler.scale_model_input(x, timestep), float(timestep))
        step = replace(q.step, index=index)
        noise = {"generator": replace(q, step=step).rng("solver")} if draws(scheduler) else {}
        x = scheduler.step(answer, timestep, x, return_dict=False, **noise)[0]
        trail.append(x)
    return trail


def draws(scheduler: Any) -> bool:
    return "generator" in inspect.signature(scheduler.step).parameters


def started(run: Schedule) -> Tensor:
    return normal(1, 4, *CANVAS, dtype=torch.float32) * run.noise_scale


def of_schedule(case: Case, count: int) -> Schedule:
    name, config = case
    return schedule({**config, "_class_name": name}, count)


def by_us(case: Case, count: int, q: Query, stopped: bool = False) -> list[Tensor]:
    """In the units of diffusers' sample; stopped after every step, or not."""
    run = of_schedule(case, count)
    assert isinstance(run.solver, Stepped)
    x, memory, trail = started(run), None, []
    for step in run.steps:
        x0 = step.carry * x - step.gain * network(x, step.timestep)
        x, memory = run.solver(Estimate(x, x0), replace(q, step=step), memory)
        if stopped:
            values, tensors = apart(memory)
            memory = together(values, {name: each.clone() for name, each in tensors.items()})
        trail.append(x / run.solver.units[step.index + 1])
    return trail


@pytest.mark.parametrize(("case", "count"), cases().values(), ids=cases())
def test_a_stepped_run_equals_the_loop_of_diffusers_at_every_step(case, count):
    q = query(CANVAS, seed=5)
    ours, theirs = by_us(case, count, q), by_diffusers(case, count, q)
    assert len(ours) == len(theirs)
    errors = [float((a - b).abs().max() / b.std()) for a, b in zip(ours, theirs, strict=True)]
    assert all(error < CLOSE for error in errors), errors


@EVERY_KIND
def test_a_run_that_is_stopped_after_every_step_goes_where_it_would_have(case):
    q = query(CANVAS, seed=5)
    whole, stopped = by_us(case, 6, q), by_us(case, 6, q, stopped=True)
    assert all(torch.equal(a, b) for a, b in zip(whole, stopped, strict=True))


@EVERY_KIND
def test_what_a_scheduler_draws_follows_from_seed_stage_and_step(case):
    q = query(CANVAS, seed=5)
    here, again = by_us(case, 4, q), by_us(case, 4, q)
    others = by_us(case, 4, replace(q, seed=6)), by_us(case, 4, replace(q, stage=2))
    assert torch.equal(here[-1], again[-1])
    for other in others:
        assert torch.equal(here[-1], other[-1]) is not noisy(case)


def noisy(case: Case) -> bool:
    name, config = case
    known = ("DDPM", "EulerAncestral", "KDPM2Ancestral", "LCM", "TCD", "SASolver")
    return name.startswith(known) or str(config.get("algorithm_type")).startswith("sde")


@EVERY_KIND
def test_the_instance_that_steps_are_taken_with_stays_as_it_was(case):
    run = of_schedule(case, 5)
    before = {
        k: list(v) if isinstance(v, list) else v for k, v in vars(run.solver.scheduler).items()
    }
    x, memory = started(run), None
    for step in run.steps:
        x, memory = run.solver(Estimate(x, x), query(CANVAS, step), memory)
    after = vars(run.solver.scheduler)
    assert before.keys() == after.keys()
    assert all(same(before[name], after[name]) for name in before)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, list):
        return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
    return one is other


@EVERY_KIND
@pytest.mark.parametrize("strength", [1.0, 0.5, 0.1])
def test_a_perfect_network_is_followed_to_its_picture_from_wherever_a_run_is_entered(
    case, strength
):
    run = of_schedule(case, 10).entered(strength)
    first, picture, noise = run.steps[0], normal(1, 4, *CANVAS), normal(1, 4, *CANVAS, seed=1)
    x, memory = first.noised(picture, noise), None
    for step in run.steps:
        x, memory = run.solver(Estimate(x, picture), query(CANVAS, step), memory)
    # PNDM, TCD and ends at sigma_min leave the noise of the first training timestep
    assert float((x - picture).abs().max()) < 0.05 * 4


@EVERY_KIND
def test_runs_are_entered_as_diffusers_enters_them(case):
    name, config = case
    run, scheduler = of_schedule(case, 8), getattr(diffusers, name).from_config(dict(config))
    scheduler.set_timesteps(8)
    pipe = SimpleNamespace(scheduler=scheduler)
    theirs, _ = StableDiffusionImg2ImgPipeline.get_timesteps(pipe, 8, 0.5, None)
    ours = [step.timestep for step in run.entered(0.5).steps]
    # diffusers counts the timestep that PNDM asks about twice, and enters it a step too early
    assert ours == theirs.tolist()[name == "PNDMScheduler" :]


def test_settings_that_end_in_nothing_are_refused():
    config = {**SD, "_class_name": "UniPCMultistepScheduler", "solver_type": "bh1"}
    with pytest.raises(UnsupportedModel, match="ends in nan with these settings"):
        schedule(config, 4)


@pytest.mark.parametrize("name", ["EulerAncestralDiscrete", "PNDM", "EDMEuler"])
def test_predictions_that_diffusers_has_no_step_for_are_refused(name):
    config = {**_base(name), "_class_name": f"{name}Scheduler", "prediction_type": "sample"}
    with pytest.raises(UnsupportedModel, match=r"sample|prediction_type"):
        schedule(config, 4)


@pytest.mark.parametrize("solver", ["ddim", "euler_a"])
def test_a_network_preconditioned_for_its_data_keeps_its_scheduler(solver):
    config = {"_class_name": "EDMEulerScheduler", "sigma_data": 0.5}
    with pytest.raises(UnsupportedModel, match=r"sigma_data=0\.5 needs the scheduler it came with"):
        schedule(config, 4, solver)


def test_a_table_that_is_short_is_said():
    with pytest.raises(BadRequest, match="num_inference_steps is 60; LCMScheduler says"):
        schedule({**SD, "_class_name": "LCMScheduler"}, 60)
