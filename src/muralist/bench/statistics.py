"""Means of what was measured, and how far they can be trusted."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Mean", "mean"]

_DRAWS = 4000
_SEED = 0


class Mean(NamedTuple):
    """A mean, and the interval that holds it in 95 of 100 repetitions; None where none is known."""

    mean: float
    low: float | None
    high: float | None
    values: int  # it is the mean of


def mean(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Mean:
    """The mean of at least one value, with a percentile bootstrap interval (Efron, 1979).

    Values of one cluster, of one prompt say, depend on each other: whole clusters are drawn again.
    There is no interval for a single one. The same values give the same interval.
    """
    numbers = np.asarray(values, dtype=float)
    names = list(range(len(numbers))) if clusters is None else list(clusters)
    order = list(dict.fromkeys(names))
    at = np.array([order.index(name) for name in names])
    sums, counts = np.bincount(at, numbers), np.bincount(at)
    whole = float(numbers.mean())
    if len(order) < 2:
        return Mean(whole, None, None, len(numbers))
    drawn = np.random.default_rng(_SEED).integers(0, len(order), (_DRAWS, len(order)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Mean(whole, float(low), float(high), len(numbers))
