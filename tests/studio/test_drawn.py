"""What is drawn over a picture is where the views of a step are, in pixels."""

import itertools
import json
from typing import Any

import pytest
import torch
from torch import Tensor

from muralist import BadRequest, DemoFusion, MultiDiffusion
from muralist.canvas import Size
from muralist.planning import views_of, work
from muralist.studio.drawn import MOST, canvas_of, drawn, spread
from tests.laws.parts import ALONE
from tests.studio.works import toy_request

SIDES = {"toy": 40, "shapes": 256}  # of a pixel a cell, and of four


def seen(told: dict[str, Any], factor: int) -> Tensor:
    """How often each cell of the canvas is seen, by the shapes alone."""
    counts = torch.zeros(told["height"] // factor, told["width"] // factor, dtype=torch.int)

    def see(left: int, top: int, columns: int, rows: int, step: int) -> None:
        y = (top + torch.arange(rows) * step) // factor
        x = (left + torch.arange(columns) * step) // factor
        y, x = y[(y >= 0) & (y < counts.shape[0])], x[(x >= 0) & (x < counts.shape[1])]
        counts[y[:, None], x] += 1

    for left, top, width, height in told["windows"]:
        see(left, top, width // factor, height // factor, factor)
    for lattice in told["lattices"]:
        assert lattice["cell"] == factor
        see(*(lattice[name] for name in ("left", "top", "columns", "rows", "step")))
    return counts


@pytest.mark.parametrize("method", ALONE.values(), ids=ALONE)
@pytest.mark.parametrize("model", SIDES)
def test_shapes_cover_the_cells_that_views_see(method, model):
    side = SIDES[model]
    request = toy_request(model=model, method=method, height=side, width=side + side // 2)
    factor = request.card.factor
    for stage in range(1, len(work(request).stages) + 1):
        told, canvas = drawn(request, stage, 2), canvas_of(request, stage)
        assert (told["height"], told["width"]) == canvas
        counts = torch.zeros(canvas.height // factor, canvas.width // factor, dtype=torch.int)
        for view in views_of(request, stage, 2):
            view.add(counts, torch.ones(view.height, view.width, dtype=torch.int))
        assert torch.equal(seen(told, factor), counts)


def test_windows_and_subsamplings_are_told_apart():
    request = toy_request(height=32, width=32, method=DemoFusion(jitter=0))
    told = drawn(request, 2, 1)
    assert told["count"] == {"windows": 9, "lattices": 4}
    assert told["windows"][:2] == [[0, 0, 16, 16], [8, 0, 16, 16]]
    second = {"left": 1, "top": 0, "columns": 16, "rows": 16, "step": 2, "cell": 1}
    assert told["lattices"][1] == second


def test_a_window_that_goes_round_the_picture_is_two_rectangles():
    method = MultiDiffusion(stride=8, wrap=True)
    told = drawn(toy_request(height=16, width=40, method=method), 1, 1)
    assert told["count"]["windows"] == 5 and len(told["windows"]) == 6
    assert told["windows"][-2:] == [[32, 0, 8, 16], [0, 0, 8, 16]]


def test_of_very_many_views_some_everywhere_are_told_and_how_many_there_are():
    request = toy_request(height=400, width=400, method=MultiDiffusion(stride=6))
    told = drawn(request, 1, 1)
    assert told["count"]["windows"] == 65**2
    assert len(told["windows"]) == MOST
    assert len(json.dumps(told)) < 100_000
    assert (seen(told, 1) > 0).float().mean() > 0.9


def test_what_is_spread_keeps_the_ends_and_the_order():
    every = list(range(100_003))
    some = list(spread(every, 2000))
    assert (len(some), some[0], some[-1]) == (2000, 0, 100_002)
    assert some == sorted(set(some))
    assert max(b - a for a, b in itertools.pairwise(some)) <= 100_003 // 1999 + 1
    assert list(spread(every[:7], 7)) == every[:7]


@pytest.mark.parametrize(("stage", "step"), [(0, 1), (9, 1), (1, 0), (1, 99), (-1, 1)])
def test_stages_and_steps_that_are_not_there_are_refused(stage, step):
    with pytest.raises(BadRequest, match=r"(stage|step) is"):
        drawn(toy_request(), stage, step)


def test_a_stage_is_as_large_as_its_picture():
    request = toy_request(model="shapes", height=256, width=512)
    sizes = [canvas_of(request, stage) for stage in range(1, len(work(request).stages) + 1)]
    assert sizes == [Size(64, 128), *sizes[1:-1], Size(256, 512)]
