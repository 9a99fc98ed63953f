"""What a run costs is what the formula says, what the plan says, and what was counted."""

import weakref
from dataclasses import replace
from functools import cache
from itertools import count

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import muralist
from muralist import AccDiffusion, DemoFusion, MultiDiffusion, Ticked
from muralist.canvas import Size
from muralist.models import Toy
from muralist.place import canvas_bytes
from muralist.planning import plan
from muralist.stage import progression
from tests.laws.parts import (
    METHODS,
    TOY,
    Watched,
    events,
    painted,
    toy_request,
    windows_of_the_papers,
)

NATIVE = Toy().native


def windows(size: Size, window: int = 16, stride: int = 8) -> int:
    """L: how many windows a step asks about."""
    rows = list(windows_of_the_papers(size.height, window, stride))
    return len(rows) * len(list(windows_of_the_papers(size.width, window, stride)))


SIZES = [
    Size(16, 16),
    Size(32, 32),
    Size(48, 48),
    Size(40, 40),  # two and a half native sides
    Size(32, 64),
    Size(64, 16),
    Size(37, 18),
    Size(9, 12),  # smaller than native
]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_demofusion_asks_as_often_as_its_formula_says(size):
    watched = Watched(TOY)
    painted(toy_request(model=watched, height=size.height, width=size.width))
    larger = progression(NATIVE, size)[1:]
    each_step = 1 + sum(windows(stage) + s**2 for s, stage in enumerate(larger, start=2))
    assert sum(watched.rows) == 4 * each_step


@pytest.mark.parametrize(("stages", "per_step"), [(2, 14), (3, 48), (4, 113)])
def test_the_papers_figures_for_squares(stages, per_step):
    """N (1 + sum of L + s^2): 14 N, 48 N and 113 N, of the published specification."""
    request = toy_request(height=16 * stages, width=16 * stages)
    assert plan(request).evaluations == 4 * per_step


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("window", "stride"), [(16, 8), (12, 5)])
def test_multidiffusion_asks_about_every_window_at_every_step(size, window, stride):
    watched = Watched(TOY)
    method = MultiDiffusion(window=window, stride=stride)
    painted(toy_request(method, model=watched, height=size.height, width=size.width))
    assert sum(watched.rows) == 4 * windows(size, window, stride)


def test_windows_under_their_own_guidance_cost_their_own_rows():
    """Guided windows are two rows each; the first stage and the subsamplings are one."""
    method = AccDiffusion(window_guidance_scale=3.0)
    planned = plan(toy_request(method, height=32, width=32, guidance_scale=1.0))
    assert planned.samples == 4 * (1 + 2 * windows(Size(32, 32)) + 2**2)


@pytest.mark.parametrize("settings", [{}, {"guidance_scale": 3.0}], ids=["plain", "guided"])
@pytest.mark.parametrize("size", [Size(40, 24), Size(48, 48)], ids=str)
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_run_asks_what_its_plan_says(method, size, settings):
    watched = Watched(TOY)
    request = toy_request(
        method, model=watched, height=size.height, width=size.width, batch_size=5, **settings
    )
    done, counted = events(request), []
    for stage in range(1, len(done[0].sizes) + 1):
        counted.append(
            sum(n for n, q in zip(watched.rows, watched.asked, strict=True) if q.stage == stage)
        )
    planned = plan(request)
    assert [stage.samples for stage in planned.stages] == counted
    assert tuple(stage.size for stage in planned.stages) == done[0].sizes
    assert tuple(stage.steps for stage in planned.stages) == done[0].steps
    assert planned.evaluations * (2 if settings else 1) == planned.samples == sum(counted)


def test_guidance_in_an_interval_costs_its_second_half_only_there():
    request = toy_request(guidance_scale=3.0, guidance_interval=(0.0, 0.5), height=16, width=16)
    assert (plan(request).evaluations, plan(request).samples) == (4, 6)


def test_entering_stages_late_saves_their_first_steps():
    def steps(strength: float) -> list[int]:
        method = DemoFusion(strength=strength)
        request = toy_request(method, height=48, width=48, num_inference_steps=10)
        return [stage.steps for stage in plan(request).stages]

    assert steps(1.0) == [10, 10, 10]
    assert steps(0.5) == [10, 5, 5]
    assert steps(0.25) == [10, 2, 2]


def test_sides_of_a_blend_without_weight_are_not_asked():
    """0.99^1e5 is 0 in float64: no dilated view is left to ask about."""
    watched = Watched(TOY)
    request = toy_request(DemoFusion(cosine_scale_2=1e9), model=watched, height=32, width=32)
    painted(request)
    assert sum(watched.rows) == plan(request).evaluations == 4 * (1 + 9)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_prompts_are_encoded_once(method):
    watched = Watched(TOY)
    painted(toy_request(method, model=watched, prompt="a cat", negative_prompt="a dog"))
    assert [(each.prompt, each.negative_prompt) for each in watched.encoded] == [("a cat", "a dog")]


def test_stages_that_nobody_looks_at_are_not_decoded():
    watched = Watched(TOY)
    painted(toy_request(model=watched, height=48, width=48))
    assert watched.decoded == [Size(48, 48)]


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_no_batch_is_larger_than_asked_for(batch_size):
    watched = Watched(TOY)
    painted(toy_request(model=watched, height=48, width=48, batch_size=batch_size))
    assert max(watched.rows) == min(batch_size, 25)


class Alive(TorchDispatchMode):
    """Counts storages of a canvas's size or more that live at once.

    Every tensor an operation returns is held weakly, so whatever Python still refers to is seen,
    and tensors that share a storage (windows into the canvas) count once.
    """

    def __init__(self, nbytes: int):
        super().__init__()
        self.nbytes, self.held, self.most, self.names = nbytes, {}, 0, count()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            large = isinstance(tensor, torch.Tensor) and (
                tensor.untyped_storage().nbytes() >= self.nbytes
            )
            if large:
                name = next(self.names)
                self.held[name] = weakref.ref(tensor, lambda _, name=name: self.held.pop(name))
        living = [tensor for ref in self.held.values() if (tensor := ref()) is not None]
        self.most = max(self.most, len({one.untyped_storage().data_ptr() for one in living}))
        return result


def is_last_step(event) -> bool:
    """Of the last stage; what is decoded after it is no canvas."""
    return isinstance(event, Ticked) and event.latents.shape[-1] == 48 and event.step == event.steps


@cache
def canvases(method, steps: int, scheduler: str = "DDIMScheduler") -> int:
    """The most float32 canvases of the last stage alive at once, from start to last step.

    Views (16 x 16, one at a time) and the canvases of earlier stages are smaller, weights of a
    fusion have one channel, and none of them counts.
    """
    toy = TOY
    card = replace(toy.card, scheduler={**toy.card.scheduler, "_class_name": scheduler})
    request = toy_request(
        method,
        model=replace(toy, card=card),
        height=48,
        width=48,
        num_inference_steps=steps,
        batch_size=1,
    )
    with Alive(48 * 48 * 3 * 4) as alive:
        for event in muralist.generate(request):
            if is_last_step(event):
                break
    return alive.most


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_no_run_holds_more_canvases_than_are_planned_for(method):
    room = canvas_bytes(toy_request(method, height=48, width=48))
    assert 2 <= canvases(method, 4) <= room / (48 * 48 * 3 * 4)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_canvases_in_memory_do_not_depend_on_the_number_of_steps(method):
    assert canvases(method, 4) == canvases(method, 8)


@pytest.mark.parametrize("scheduler", ["DPMSolverMultistepScheduler", "EulerDiscreteScheduler"])
def test_another_solver_holds_at_most_the_estimate_it_looks_back_on(scheduler):
    assert canvases(DemoFusion(), 4, scheduler) <= canvases(DemoFusion(), 4) + 1


def test_the_count_of_canvases_sees_what_is_kept():
    """So that the ceilings can fail: ten canvases held are ten counted."""
    with Alive(400) as alive:
        kept = [torch.zeros(10, 10) for _ in range(10)]
        torch.zeros(9, 9)
        windows = [one[2:] for one in kept]
    assert alive.most == 10 == len(windows)


def test_a_plan_loads_nothing(monkeypatch):
    def refuse(*args, **settings):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("muralist.models.load", refuse)
    monkeypatch.setattr("muralist.generation.load", refuse)
    request = muralist.Request(model="sdxl", height=4096, width=4096, num_inference_steps=2)
    assert plan(request).evaluations == 2 * 113
