"""Who belongs to whom at the least cost (Kuhn, 1955; Munkres, 1957)."""

import math
from collections.abc import Sequence

__all__ = ["assigned"]


def assigned(costs: Sequence[Sequence[float]]) -> list[int]:
    """The column of each row such that the sum of `costs[row][column]` is least.

    No two rows have the same, and there are at least as many columns as rows. Rows come in one
    by one, along the shortest path of exchanges; prices keep what remains of costs above zero.
    """
    rows, columns = len(costs), len(costs[0]) if costs else 0
    assert rows <= columns
    start = columns  # a column beside the others, where the row that comes in waits
    owner = [-1] * (columns + 1)
    paid, price = [0.0] * rows, [0.0] * (columns + 1)
    for row in range(rows):
        owner[start], at = row, start
        slack, before = [math.inf] * columns, [start] * columns
        free, seen = set(range(columns)), [start]
        while owner[at] >= 0:
            mine = owner[at]
            for column in free:
                cost = costs[mine][column] - paid[mine] - price[column]
                if cost < slack[column]:
                    slack[column], before[column] = cost, at
            at = min(free, key=slack.__getitem__)
            step = slack[at]
            for column in seen:
                paid[owner[column]] += step
                price[column] -= step
            for column in free:
                slack[column] -= step
            free.remove(at)
            seen.append(at)
        while at != start:
            owner[at] = owner[before[at]]
            at = before[at]
    return [owner[:columns].index(row) for row in range(rows)]
