"""The toy model is exact, and shows what overlap is for."""

from dataclasses import replace
from functools import cache

import pytest
import torch

import muralist
from muralist import MultiDiffusion
from muralist.canvas import Size, View
from muralist.models import Toy
from muralist.views import Strided
from tests.laws.parts import normal, query, steps


def covariance(height: int, width: int, spacing: int, length: float) -> torch.Tensor:
    """Between all cells of a view, from the definition."""
    rows, cols = torch.meshgrid(
        torch.arange(height).double(), torch.arange(width).double(), indexing="ij"
    )
    down = (rows.flatten()[:, None] - rows.flatten()).abs()
    right = (cols.flatten()[:, None] - cols.flatten()).abs()
    return torch.exp(-(down + right) * spacing / length)


@pytest.mark.parametrize("step", steps(4), ids=lambda step: f"step{step.index}")
@pytest.mark.parametrize("length", [4.0, 1.5])
@pytest.mark.parametrize("spacing", [1, 3])
def test_the_estimate_is_the_conditional_mean_of_the_field(spacing, length, step):
    """E[x0 | x] = alpha C (alpha^2 C + sigma^2)^-1 x for x = alpha x0 + sigma noise."""
    x = normal(2, 3, 5, 6)
    views = [View(0, 0, 5, 6, spacing), View(1, 2, 5, 6, spacing)]
    ours = Toy(length)(x, query(Size(30, 30), step).at(views)).x0
    field = covariance(5, 6, spacing, length)
    noisy = step.alpha**2 * field + step.sigma**2 * torch.eye(30).double()
    gain = step.alpha * torch.linalg.solve(noisy, field).T
    expected = (x.flatten(2) @ gain.T).view_as(x)
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


def test_without_noise_the_estimate_is_x_itself():
    step = replace(steps()[-1], alpha=1.0, sigma=1e-9)
    x = normal(1, 3, 8, 8)
    torch.testing.assert_close(Toy()(x, query(Size(8, 8), step)).x0, x, rtol=1e-9, atol=1e-9)


def test_in_noise_alone_the_estimate_is_the_mean_of_the_field():
    step = replace(steps()[0], alpha=1e-9, sigma=1.0)
    answer = Toy()(normal(1, 3, 8, 8), query(Size(8, 8), step))
    assert answer.x0.abs().max() < 1e-7  # a field of 64 cells is known to a gain of 64 at most


def likeness(latents: torch.Tensor, lag: int = 1) -> torch.Tensor:
    """Correlation of each column with the one `lag` to its right, over rows, channels, pictures."""
    x = latents.movedim(-1, 0).flatten(1)
    x = (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)
    return (x[:-lag] * x[lag:]).mean(1)


@cache
def several(method, steps: int = 20, count: int = 4) -> torch.Tensor:
    """Pictures of 64 x 64 cells, one per seed."""
    settings = {"height": 64, "width": 64, "num_inference_steps": steps, "method": method}
    pictures = [muralist.paint(Toy(), "", seed=seed, **settings) for seed in range(count)]
    return torch.cat([picture.latents for picture in pictures])


WHOLE = MultiDiffusion(window=64)  # one window of everything


def test_sampling_the_whole_canvas_reproduces_the_fields_covariance():
    """exp(-lag / 4), but for chance and the error of 50 steps: the variance is 0.89."""
    latents = several(WHOLE, steps=50)
    assert latents.var().item() == pytest.approx(1, abs=0.15)
    for lag in (1, 2, 4, 8):
        expected = torch.exp(torch.tensor(-lag / 4)).item()
        assert likeness(latents, lag).mean().item() == pytest.approx(expected, abs=0.06)
        assert likeness(latents.mT, lag).mean().item() == pytest.approx(expected, abs=0.06)


BORDERS = [15, 31, 47]  # the columns before the borders of windows of 16


def test_windows_side_by_side_show_seams():
    """Nothing joins them: across a border neighbours know nothing of each other."""
    seen = likeness(several(MultiDiffusion(stride=16)))
    inside = [column for column in range(63) if column not in BORDERS]
    assert seen[BORDERS].abs().max() < 0.2
    assert seen[inside].min() > 0.6


def test_overlap_makes_seams_smaller():
    none, half, most = (
        likeness(several(MultiDiffusion(stride=stride)))[BORDERS].mean() for stride in (16, 8, 5)
    )
    assert none < 0.1  # 0.04
    assert half > 0.4  # 0.51
    assert half + 0.1 < most  # near the 0.74 inside of windows


def test_a_ring_joins_left_and_right():
    def across(method) -> float:
        x = several(method)
        return float(torch.corrcoef(torch.stack([x[..., 0].flatten(), x[..., -1].flatten()]))[0, 1])

    assert across(MultiDiffusion(stride=8, wrap=True)) > 0.4
    assert abs(across(MultiDiffusion(stride=8))) < 0.3


def test_a_batch_of_mixed_spacings_is_our_mistake():
    views = [*Strided(1)(query(Size(8, 8))), View(0, 0, 8, 8, 2)]
    with pytest.raises(AssertionError, match="one spacing"):
        Toy()(normal(2, 3, 8, 8), query(Size(8, 8)).at(views))


def test_the_toy_paints_mid_grey_for_the_mean_of_the_field():
    pixels = Toy().decode(torch.tensor([-2.0, 0.0, 2.0]).expand(1, 3, 1, 3))
    assert pixels[0, 0, 0].tolist() == [0.0, 0.5, 1.0]
