"""The reference is a trajectory, and the blur blurs but keeps mean and spread."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from muralist.canvas import Size, View
from muralist.guides import Blur, Reference
from muralist.solvers.schedule import Constant, schedule
from tests.laws.parts import (
    FIRST_ORDER,
    GUIDES,
    SCHEDULER,
    SOLVERS,
    distance,
    normal,
    query,
    steps,
)

SCHEDULES = {
    "ddim": schedule(SCHEDULER, 7).steps,
    "variance preserving": steps(7),
    "karras": steps(7, use_karras_sigmas=True),
    "flow": schedule({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}, 7).steps,
}


@pytest.mark.parametrize("moves", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("solver", FIRST_ORDER)
def test_a_step_from_the_reference_lands_on_the_reference(solver, moves):
    """What lets a result be held to it: its levels lie on one trajectory of the solver."""
    reference = Reference(normal(1, 3, 6, 6, seed=1), normal(1, 3, 6, 6, seed=2))
    for step, after in pairwise(moves):
        x, _ = SOLVERS[solver](reference.at(step), query(Size(6, 6), step), None)
        assert distance(x, reference.at(after).x) < 1e-12
    x, _ = SOLVERS[solver](reference.at(moves[-1]), query(Size(6, 6), moves[-1]), None)
    last = moves[-1].alpha_next * reference.x0 + moves[-1].sigma_next * reference.noise
    assert distance(x, last) < 1e-12


def test_a_reference_is_led_to_its_picture():
    reference = Reference(normal(1, 3, 6, 6, seed=1), normal(1, 3, 6, 6, seed=2))
    for step in steps(4):
        assert reference.at(step).x0 is reference.x0


@pytest.mark.parametrize("make", GUIDES.values(), ids=GUIDES)
def test_guides_leave_x_and_the_reference_as_they_were(make):
    reference = Reference(normal(1, 3, 12, 9, seed=1), normal(1, 3, 12, 9, seed=2))
    x = normal(1, 3, 12, 9)
    before = [tensor.clone() for tensor in (x, reference.x0, reference.noise)]
    guided = make(reference)(x, query(Size(12, 9), views=(View(0, 0, 12, 9),)))
    assert guided.shape == x.shape
    assert all(
        torch.equal(*pair) for pair in zip((x, reference.x0, reference.noise), before, strict=True)
    )


def blurred(x: torch.Tensor, radius: int, sigma: float) -> torch.Tensor:
    return Blur(radius, Constant(sigma))(x, query(Size(*x.shape[-2:])))


def convolved(x: torch.Tensor, radius: int, sigma: float) -> torch.Tensor:
    """A direct convolution with the two-dimensional kernel, then the statistics of x."""
    at = torch.arange(-radius, radius + 1, dtype=x.dtype)
    square = torch.exp(-(at[:, None] ** 2 + at**2) / (2 * sigma**2))
    kernel = (square / square.sum()).expand(x.shape[1], 1, -1, -1)
    y = F.conv2d(x, kernel, padding=radius, groups=x.shape[1])
    return (y - y.mean()) / y.std() * x.std() + x.mean()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    height=st.integers(1, 12),
    width=st.integers(2, 12),
    radius=st.integers(0, 4),
    sigma=st.floats(0.008, 5),
)
def test_blurring_is_a_gaussian_convolution_of_which_the_statistics_are_kept(
    height, width, radius, sigma
):
    x = 2 * normal(1, 3, height, width) + 1
    torch.testing.assert_close(blurred(x, radius, sigma), convolved(x, radius, sigma))


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_demofusion_blurs_with_two_factors_less_one_taps(factor):
    from muralist import DemoFusion
    from muralist.models import Toy

    stage = list(DemoFusion().stages(Toy(), Size(16 * factor, 16 * factor)))[factor - 1]
    nothing = torch.empty(1, 3, *stage.size, device="meta")
    blur = stage.denoiser(Reference(nothing, nothing)).inner.far.lens
    assert 2 * blur.radius + 1 == 2 * factor - 1
    point = torch.zeros(1, 1, 33, 33).double()
    point[..., 16, 16] = 1
    spread = blurred(point, blur.radius, 5.0) - blurred(point, blur.radius, 5.0).min()
    assert int((spread > 1e-9).sum()) == (2 * factor - 1) ** 2


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_a_blur_keeps_mean_and_standard_deviation(sigma):
    x = 3 * normal(1, 4, 10, 14) + 2
    y = blurred(x, 3, sigma)
    assert y.mean().item() == pytest.approx(x.mean().item(), abs=1e-12)
    assert y.std().item() == pytest.approx(x.std().item(), abs=1e-12)
    assert distance(y, x) > 0.1


def test_a_blur_of_almost_no_width_changes_nothing():
    x = normal(1, 4, 10, 14)
    assert distance(blurred(x, 3, 0.008), x) < 1e-12  # the least that DemoFusion reaches: 0.8 / 100


def test_a_blur_makes_neighbours_alike():
    x = normal(1, 1, 40, 40)

    def likeness(y: torch.Tensor) -> float:
        pair = torch.stack([y[..., 1:].flatten(), y[..., :-1].flatten()])
        return float(torch.corrcoef(pair)[0, 1])

    assert likeness(x) < 0.1 < 0.6 < likeness(blurred(x, 3, 1.0))


def test_the_blur_of_demofusion_falls_to_a_hundredth():
    from muralist import DemoFusion

    method = DemoFusion(sigma=0.5, cosine_scale_3=2.0)
    first, *_, last = (method.blur(step) for step in steps(50))
    assert first == pytest.approx(0.5, rel=0.02)  # the first of 50 timesteps is near 1, not at it
    assert last == pytest.approx(0.005, rel=0.02)
