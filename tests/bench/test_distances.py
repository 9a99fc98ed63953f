"""Frechet and kernel distances, against the equations computed in other ways."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Generator, Tensor

from muralist.bench.distances import frechet, kernel
from muralist.errors import BadRequest


def drawn(seed: int, count: int, width: int = 6) -> Tensor:
    """Correlated rows of their own mean, of skewed marginals."""
    draw = Generator().manual_seed(seed)
    mix = torch.randn(width, width, generator=draw)
    rows = torch.rand(count, width, generator=draw).square() @ mix
    return rows + torch.randn(width, generator=draw)


def of_moments(seed: int, count: int, mean: Tensor, covariance: Tensor) -> Tensor:
    """Rows with exactly this mean and this unbiased covariance."""
    rows = torch.randn(count, len(mean), generator=Generator().manual_seed(seed)).double()
    rows = rows - rows.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(rows.T.cov()), rows.T, upper=False)
    return (torch.linalg.cholesky(covariance) @ white).T + mean


def with_itself(a: Tensor, b: Tensor) -> float:
    """The biased estimate."""

    def alike(x: Tensor, y: Tensor) -> float:
        return float((x @ y.T / x.shape[1] + 1).pow(3).mean())

    return alike(a, a) + alike(b, b) - 2 * alike(a, b)


@pytest.mark.parametrize("count", [40, 4])  # 4 rows of 6 features: covariances without inverse
def test_frechet_is_the_formula_with_scipys_root(count):
    a, b = drawn(0, count).double().numpy(), drawn(1, 30).double().numpy()
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    mean = np.square(a.mean(0) - b.mean(0)).sum()
    root = sqrtm(covariances[0] @ covariances[1]).real
    told = mean + np.trace(covariances[0] + covariances[1] - 2 * root)
    # Scipy's root of a singular matrix is good to the root of the double precision.
    assert math.isclose(frechet(torch.tensor(a), torch.tensor(b)), told, rel_tol=1e-5)


def test_frechet_of_gaussians_has_a_closed_form():
    """Of covariances that commute: the distance of means and of deviations, squared."""
    draw = Generator().manual_seed(2)
    axes = torch.linalg.qr(torch.randn(5, 5, generator=draw).double()).Q
    deviations = torch.rand(2, 5, generator=draw).double() + 0.2
    means = torch.randn(2, 5, generator=draw).double()
    a, b = (
        of_moments(seed, 50, mean, axes @ each.square().diag() @ axes.T)
        for seed, mean, each in zip((3, 4), means, deviations, strict=True)
    )
    expected = (means[0] - means[1]).square().sum() + (deviations[0] - deviations[1]).square().sum()
    assert math.isclose(frechet(a, b), float(expected), rel_tol=1e-9)


def test_frechet_of_a_set_with_itself_is_nothing():
    a = drawn(5, 30)
    assert frechet(a, a.flip(0)) < 1e-6
    few = drawn(6, 3)
    assert frechet(few, few) < 1e-6


def test_frechet_is_the_same_both_ways():
    a, b = drawn(7, 20), drawn(8, 25)
    assert math.isclose(frechet(a, b), frechet(b, a), rel_tol=1e-9)


def test_kernel_is_the_mean_over_pairs():
    a, b = drawn(9, 7), drawn(10, 5)

    def alike(x: Tensor, y: Tensor) -> float:
        return (sum(float(p) * float(q) for p, q in zip(x, y, strict=True)) / len(x) + 1) ** 3

    def among(rows: Tensor) -> float:
        pairs = [(i, j) for i in range(len(rows)) for j in range(len(rows)) if i != j]
        return sum(alike(rows[i], rows[j]) for i, j in pairs) / len(pairs)

    between = sum(alike(x, y) for x in a for y in b) / (len(a) * len(b))
    assert math.isclose(kernel(a, b), among(a) + among(b) - 2 * between, rel_tol=1e-6)


def test_kernel_of_two_halves_of_a_population_is_nothing_on_average():
    population = drawn(11, 4000)
    found = np.array([kernel(*some.chunk(2)) for some in population.split(20)])
    error = found.std(ddof=1) / math.sqrt(len(found))
    assert abs(found.mean()) < 3 * error
    assert found.min() < 0 < found.max()
    # With the pairs of a row with itself, which say nothing, it would not be.
    biased = np.array([with_itself(*some.chunk(2)) for some in population.split(20)])
    assert biased.mean() > 6 * error


def test_kernel_sees_third_moments_where_frechet_sees_none():
    """Cubes, which two moments do not tell: skewed marginals, and the same mirrored."""
    draw = Generator().manual_seed(12)
    skewed = torch.rand(2000, 4, generator=draw).pow(4)
    skewed = (skewed - skewed.mean(0)) / skewed.std(0)
    mirrored = -skewed
    again = torch.rand(2000, 4, generator=draw).pow(4)
    again = (again - again.mean(0)) / again.std(0)
    assert frechet(skewed, mirrored) < 1e-6
    assert kernel(skewed, mirrored) > 20 * abs(kernel(skewed, again))


@pytest.mark.parametrize("distance", [frechet, kernel])
def test_one_row_has_no_distance(distance):
    with pytest.raises(BadRequest, match="1 rows of features have no spread; at least 2"):
        distance(drawn(0, 5), drawn(0, 1))


@pytest.mark.parametrize("distance", [frechet, kernel])
def test_features_of_two_spaces_have_no_distance(distance):
    with pytest.raises(BadRequest, match="features of 5x6 and 5x3 cannot be compared"):
        distance(drawn(0, 5), drawn(0, 5, 3))
