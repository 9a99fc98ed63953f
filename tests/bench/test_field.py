"""The correlation of neighbours is measured as it is, and tells methods apart."""

import math

import pytest
import torch
from torch import Tensor

from muralist import DemoFusion, MultiDiffusion
from muralist.bench.field import correlation, neighbours
from muralist.bench.seams import lines
from muralist.canvas import Size, View
from tests.laws.parts import normal

TILES = [View(top, left, 8, 8) for top in range(0, 32, 8) for left in range(0, 32, 8)]
LINES = lines(TILES, Size(32, 32))


def exact(count: int, side: int, length: float, seed: int = 0) -> Tensor:
    """`count` fields `side side` of covariance exp(-(|dy| + |dx|) / length), by its roots."""
    at = torch.arange(side).double()
    root = torch.linalg.cholesky(torch.exp(-(at[:, None] - at).abs() / length))
    return root @ normal(count, side, side, seed=seed) @ root.T


@pytest.mark.parametrize("length", [4.0, 1.5])
def test_fields_of_the_covariance_correlate_by_it_at_borders_and_elsewhere(length):
    inside, across = neighbours((field, LINES) for field in 3 * exact(200, 32, length))
    for found in (inside, across):
        assert found.value == pytest.approx(math.exp(-1 / length), abs=4 * found.error)
        assert found.error < 0.01


def test_every_pair_is_counted_once():
    inside, across = neighbours((field, LINES) for field in exact(5, 32, 4.0))
    assert across.pairs == 5 * 2 * 3 * 32
    assert inside.pairs + across.pairs == 5 * 2 * 31 * 32


def test_independent_tiles_do_not_correlate_across_their_borders():
    tiles = exact(100 * 16, 8, 4.0).view(100, 4, 4, 8, 8).transpose(2, 3).reshape(100, 32, 32)
    inside, across = neighbours((field, LINES) for field in tiles)
    assert across.value == pytest.approx(0, abs=4 * across.error)
    assert inside.value == pytest.approx(math.exp(-1 / 4), abs=4 * inside.error)


def test_errors_are_as_large_as_estimates_scatter():
    """The standard deviation of 100 repetitions, each on 20 fields."""
    repeated = [
        neighbours((field, LINES) for field in exact(20, 32, 4.0, seed)) for seed in range(100)
    ]
    for part in zip(*repeated, strict=True):
        scatter = torch.tensor([found.value for found in part]).std()
        told = torch.tensor([found.error for found in part]).mean()
        assert float(told) == pytest.approx(float(scatter), rel=0.3)


def test_a_picture_without_borders_has_no_correlation_across_them():
    inside, across = neighbours((field, lines([], Size(32, 32))) for field in exact(5, 32, 4.0))
    assert math.isnan(across.value) and across.pairs == 0 and not math.isnan(inside.value)


def test_windows_side_by_side_break_at_borders_and_those_that_overlap_less():
    apart = correlation(MultiDiffusion(stride=16), Size(32, 32), range(4))
    overlapping = correlation(MultiDiffusion(stride=4), Size(32, 32), range(4))
    assert apart.fields == 12 and apart.exact == math.exp(-1 / 4)
    assert apart.across.value == pytest.approx(0, abs=4 * apart.across.error)
    assert apart.inside.value == pytest.approx(apart.exact, abs=4 * apart.inside.error)
    assert apart.across.value < overlapping.across.value < apart.exact


def test_windows_that_move_hang_together_at_borders_as_elsewhere():
    found = correlation(DemoFusion(), Size(32, 32), range(4))
    assert found.across.value == pytest.approx(found.inside.value, abs=4 * found.across.error)
