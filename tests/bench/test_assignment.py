"""The least cost is scipy's."""

import random

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from muralist.bench.assignment import assigned


@pytest.mark.parametrize("seed", range(100))
def test_no_assignment_costs_less(seed):
    draw = random.Random(seed)
    rows = draw.randint(1, 6)
    columns = rows + draw.randint(0, 6)
    costs = [[draw.choice([draw.random(), 1.0, 9.0]) for _ in range(columns)] for _ in range(rows)]
    chosen = assigned(costs)
    assert len(set(chosen)) == rows
    least = np.array(costs)[linear_sum_assignment(costs)].sum()
    assert sum(costs[row][column] for row, column in enumerate(chosen)) == pytest.approx(least)


def test_nobody_gets_nothing():
    assert assigned([]) == []
