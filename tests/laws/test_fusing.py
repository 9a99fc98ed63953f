"""Fusing is a weighted mean, and it does not matter whether it comes before or after stepping."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from muralist.canvas import Size, View
from muralist.denoisers import Tiled
from muralist.fuse import FirstOwner, Gaussian, mean
from muralist.query import Estimate, Part, together
from muralist.solvers.pairs import DPMSolverPP2M
from muralist.views import Grid
from tests.laws.parts import (
    FUSIONS,
    SOLVERS,
    VIEWS,
    distance,
    followed,
    network,
    normal,
    query,
    steps,
)

CANVAS = Size(19, 23)  # no multiple of any window or factor
EXACT = 1e-12  # rounding of float64 over a few steps
# ends above noise 0, so that a line through the last two estimates has a last step to be tried at
MOVES = steps(5, final_sigmas_type="sigma_min")


def parts_of(views: list[View], seed: int = 1) -> list[Part]:
    """Made-up estimates of views, with a canvas no network could have given them."""
    shape = (1, 2, views[0].height, views[0].width)
    return [
        (view, Estimate(normal(*shape, seed=seed + 2 * i), normal(*shape, seed=seed + 2 * i + 1)))
        for i, view in enumerate(views)
    ]


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("fuse", FUSIONS.values(), ids=FUSIONS)
@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
def test_fusing_then_stepping_equals_stepping_each_view_then_fusing(views, fuse, solver):
    start, q = normal(1, 2, *CANVAS), query(CANVAS)
    fused_first = followed(start, Tiled(network, views, fuse), MOVES, solver, q)

    x, memory = start, None
    for step, expected in zip(MOVES, fused_first, strict=True):
        asked = replace(q, step=step)
        stepped = []
        for view, estimate in together(network, x, asked, views(asked)):
            before = memory and {**memory, "x0": view.crop(memory["x0"])}
            moved, after = solver(estimate, asked, before)
            stepped.append((view, Estimate(moved, estimate.x0)))
        x, x0 = fuse(stepped, x)
        memory = after and {**after, "x0": x0}
        assert distance(x, expected) < EXACT


@pytest.mark.parametrize("fuse", FUSIONS.values(), ids=FUSIONS)
def test_windows_that_each_remember_their_own_past_step_like_the_canvas(fuse):
    """A copy of DPM-Solver++ per window, as published codes keep one."""
    views, solver = Grid(Size(6, 6), 4), DPMSolverPP2M()
    start, q = normal(1, 2, *CANVAS), query(CANVAS)
    fused_first = followed(start, Tiled(network, views, fuse), MOVES, solver, q)

    x, memories = start, [None] * len(views(q))
    for step, expected in zip(MOVES, fused_first, strict=True):
        asked, stepped = replace(q, step=step), []
        for i, (view, estimate) in enumerate(together(network, x, asked, views(asked))):
            moved, memories[i] = solver(estimate, asked, memories[i])
            stepped.append((view, Estimate(moved, estimate.x0)))
        x = fuse(stepped, x).x
        assert distance(x, expected) < EXACT


def test_what_a_solver_looks_back_on_matters():
    """So that the laws on memories can fail."""
    start, q = normal(1, 2, *CANVAS), query(CANVAS)
    first = followed(start, network, MOVES, SOLVERS["ddim"], q)
    second = followed(start, network, MOVES, SOLVERS["dpm++ 2M"], q)
    assert distance(first[0], second[0]) < EXACT
    assert distance(first[1], second[1]) > 1e-3


def slow_weight(fuse, height: int, width: int) -> np.ndarray:
    """A view's weights, cell by cell, from the definitions."""
    weights = np.ones((height, width))
    if isinstance(fuse, Gaussian):
        for i in range(height):
            for j in range(width):
                down, right = (i + 0.5) / height - 0.5, (j + 0.5) / width - 0.5
                weights[i, j] = np.exp(-(down**2 + right**2) / (2 * fuse.spread**2))
    return weights


def slowly_owned(parts: list[Part], feather: int, size: Size) -> np.ndarray:
    """x and x0, one view after another, cell by cell: mine, beside mine, or left alone."""
    total, taken = np.zeros((2, 2, *size)), np.zeros(size, dtype=bool)
    for view, estimate in parts:
        inside = {}
        for i in range(view.height):
            for j in range(view.width):
                row, col = view.top + i * view.step, view.left + j * view.step
                col = col % size.width if view.wrap else col
                if 0 <= row < size.height and 0 <= col < size.width:
                    inside[i, j] = row, col
        mine = {at for at, cell in inside.items() if not taken[cell]}
        for (i, j), cell in inside.items():
            beside = any(max(abs(i - k), abs(j - m)) <= feather for k, m in mine)
            for which, patch in enumerate(estimate):
                says, was = patch[0, :, i, j].numpy(), total[which, :, *cell]
                if not taken[cell]:
                    total[which, :, *cell] = says
                elif beside:
                    total[which, :, *cell] = (says + was) / 2
        for cell in inside.values():
            taken[cell] = True
    return total


def slowly_fused(parts: list[Part], fuse, size: Size) -> np.ndarray:
    """x and x0, cell by cell: the mean over the views that see the cell."""
    if isinstance(fuse, FirstOwner):
        return slowly_owned(parts, fuse.feather, size)
    total, weight = np.zeros((2, 2, *size)), np.zeros(size)
    for view, estimate in parts:
        weights = slow_weight(fuse, view.height, view.width)
        for i in range(view.height):
            for j in range(view.width):
                row, col = view.top + i * view.step, view.left + j * view.step
                col = col % size.width if view.wrap else col
                if not (0 <= row < size.height and 0 <= col < size.width):
                    continue
                weight[row, col] += weights[i, j]
                for which, patch in enumerate(estimate):
                    total[which, :, row, col] += weights[i, j] * patch[0, :, i, j].numpy()
    return total / weight


@pytest.mark.parametrize("fuse", FUSIONS.values(), ids=FUSIONS)
@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
def test_fusions_equal_loops_over_cells(views, fuse):
    parts = parts_of(views(query(CANVAS)))
    ours = fuse(parts, torch.zeros(1, 2, *CANVAS).double())
    slow = slowly_fused(parts, fuse, CANVAS)
    # weights are computed in float32, and those of a narrow bell are cut at a millionth
    close = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(ours.x[0].numpy(), slow[0], **close)
    np.testing.assert_allclose(ours.x0[0].numpy(), slow[1], **close)


@pytest.mark.parametrize("fuse", FUSIONS.values(), ids=FUSIONS)
@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
def test_what_all_views_agree_on_stays(views, fuse):
    seen = views(query(CANVAS))
    patch = torch.full((1, 2, seen[0].height, seen[0].width), 3.5)
    fused = fuse([(view, Estimate(patch, -patch)) for view in seen], torch.zeros(1, 2, *CANVAS))
    torch.testing.assert_close(fused.x, torch.full((1, 2, *CANVAS), 3.5))
    torch.testing.assert_close(fused.x0, torch.full((1, 2, *CANVAS), -3.5))


@pytest.mark.parametrize("fuse", FUSIONS.values(), ids=FUSIONS)
@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
def test_crops_of_a_canvas_fuse_to_the_canvas(views, fuse):
    canvas = normal(1, 2, *CANVAS)
    parts = [
        (view, Estimate(view.crop(canvas), view.crop(canvas))) for view in views(query(CANVAS))
    ]
    assert distance(fuse(parts, canvas).x0, canvas) < EXACT


@pytest.mark.parametrize(
    "fuse", [mean, Gaussian(), Gaussian(0.1)], ids=["mean", "gaussian", "narrow gaussian"]
)
def test_half_precision_is_summed_in_float32(fuse):
    """400 views that say 0, then 400 that say 1: in bfloat16 a sum of ones stops at 256."""
    said = [torch.full((1, 1, 2, 2), value, dtype=torch.bfloat16) for value in (0.0, 1.0)]
    parts = [(View(0, 0, 2, 2), Estimate(patch, patch)) for patch in said for _ in range(400)]
    fused = fuse(parts, said[0])
    assert fused.x0.dtype == torch.bfloat16
    assert torch.equal(fused.x0, torch.full_like(said[0], 0.5))


def test_a_gaussian_weighs_the_middle_of_a_view_most():
    weights = Gaussian(0.2).weight(torch.zeros(1, 4, 9, 7))[0, 0]
    assert weights.shape == (9, 7)
    assert weights.argmax() == 4 * 7 + 3
    assert weights.min() > 0
    assert torch.equal(weights, weights.flip(0)) and torch.equal(weights, weights.flip(1))


@pytest.mark.parametrize("spread", [0, -0.1, float("nan"), float("inf")])
def test_a_spread_that_is_no_positive_number_is_refused(spread):
    with pytest.raises(ValueError, match=f"spread is {spread}; a finite fraction above 0"):
        Gaussian(spread)


def test_a_negative_feather_is_refused():
    with pytest.raises(ValueError, match="feather is -1 latent cells; 0 or more"):
        FirstOwner(-1)
