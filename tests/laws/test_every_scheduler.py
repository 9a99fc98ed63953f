"""Every method paints under every scheduler, in few steps too, and is taken up wherever it was."""

import pytest
import torch

import muralist
from muralist import DemoFusion, Ticked
from muralist.schedule import SOLVERS
from tests.laws.parts import METHODS, distance, painted, toy_request

EVERY_SOLVER = pytest.mark.parametrize("solver", SOLVERS)
EVERY_METHOD = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def small(method, solver, **settings):
    settings = {"height": 24, "width": 20, "num_inference_steps": 3, **settings}
    return toy_request(method, solver=solver, **settings)


@EVERY_SOLVER
@EVERY_METHOD
def test_every_method_paints_under_every_scheduler(method, solver):
    picture = painted(small(method, solver))
    assert all(bool(stage.latents.isfinite().all()) for stage in picture.stages)


@EVERY_SOLVER
def test_the_batch_size_does_not_change_what_a_scheduler_draws(solver):
    one, many = (painted(small(DemoFusion(), solver, batch_size=size)).latents for size in (1, 9))
    assert distance(one, many) < 1e-4


@EVERY_SOLVER
@pytest.mark.parametrize("method", [DemoFusion(), DemoFusion(strength=0.7)], ids=["whole", "late"])
def test_a_run_that_is_stopped_goes_on_to_the_same_picture(method, solver, tmp_path):
    request = small(method, solver, num_inference_steps=4)
    whole, count = painted(request), 0
    while True:
        ticks = 0
        for event in (run := muralist.generate(request, job=tmp_path)):
            ticks += isinstance(event, Ticked)
            if ticks == 2:
                run.close()
                break
        else:
            break
        count += 1
    assert count > 1
    assert torch.equal(event.picture.latents, whole.latents)


@EVERY_SOLVER
def test_a_canvas_on_the_disk_is_stepped_as_one_in_memory(solver, tmp_path, monkeypatch):
    monkeypatch.setattr("muralist.strips.STRIP", 900)
    here, there = (small(DemoFusion(), solver, canvas=place) for place in ("device", "disk"))
    assert torch.equal(painted(here).latents, painted(there, spool=tmp_path).latents)
    assert list(tmp_path.iterdir()) == []


@EVERY_SOLVER
def test_a_picture_under_any_scheduler_can_be_planned(solver):
    plan = muralist.plan(small(DemoFusion(), solver))
    calls = sum(isinstance(e, Ticked) for e in muralist.generate(small(DemoFusion(), solver)))
    assert sum(stage.steps for stage in plan.stages) == calls
