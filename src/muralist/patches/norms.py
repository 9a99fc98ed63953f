"""Group norms told what to normalise by, so that a tile is treated as part of its picture."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from muralist.canvas import Size, View

__all__ = ["Moments", "Statistics", "met_after", "normed_by"]


class Statistics(NamedTuple):
    """What a group norm normalises by: float64 on the CPU, one number per group."""

    mean: Tensor
    variance: Tensor


@contextmanager
def normed_by(known: Sequence[Statistics]) -> Iterator[None]:
    """A patch: the first group norms that are computed inside take these statistics, in order.

    Those after them take their input's own. torch asks before it computes a group norm, so that
    no module is touched.
    """
    with _Asked(lambda number, norm: norm.by(known[number : number + 1])):
        yield


@dataclass(frozen=True)
class Moments:
    """How many values a group norm met, their sum and the sum of their squares, for each group.

    Of parts they add up: but for rounding the same in any order.
    """

    count: int
    total: Tensor
    squares: Tensor

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.count + other.count, self.total + other.total, self.squares + other.squares
        )

    @property
    def statistics(self) -> Statistics:
        mean = self.total / self.count
        return Statistics(mean, self.squares / self.count - mean**2)


def met_after(
    known: Sequence[Statistics], run: Callable[[], object], seen: Size, own: View
) -> Moments | None:
    """What the first norm meets that is not known; None where a network has none.

    `run` lets a network see a part of a picture; it is left at that norm. `seen` is how much it
    sees, in cells, and `own` which of them count: every map that is normalised has the shape of
    `seen`, each cell as a square of values.
    """

    def answer(number: int, norm: _Norm) -> Tensor:
        if number == len(known):
            raise _Met(_moments(norm, seen, own))
        return norm.by(known[number : number + 1])

    try:
        with _Asked(answer):
            run()
    except _Met as met:
        return met.moments
    return None


class _Met(Exception):
    def __init__(self, moments: Moments) -> None:
        super().__init__()
        self.moments = moments


class _Norm(NamedTuple):
    """The arguments of `F.group_norm`, under its names."""

    input: Tensor
    num_groups: int
    weight: Tensor | None = None
    bias: Tensor | None = None
    eps: float = 1e-5

    def by(self, statistics: Sequence[Statistics]) -> Tensor:
        """The input normalised by the statistics, if there are any; else by its own."""
        if not statistics:
            return F.group_norm(*self)
        channels = self.input.shape[1] // self.num_groups
        dtype = torch.promote_types(self.input.dtype, torch.float32)  # all but the input
        mean, variance = (
            each.to(dtype).to(self.input.device).repeat_interleave(channels)
            for each in statistics[0]
        )
        weight, bias = (each if each is None else each.to(dtype) for each in self[2:4])
        return F.batch_norm(self.input, mean, variance, weight, bias, eps=self.eps)


def _moments(norm: _Norm, seen: Size, own: View) -> Moments:
    """Of what is a part's own, in float32; added up in float64."""
    x, groups = norm.input, norm.num_groups
    side = math.isqrt(x[0, 0].numel() // seen.area)  # values per cell
    maps = x.reshape(len(x), groups, -1, *seen.times(side))
    part = own.times(side).crop(maps)
    variance, mean = (
        each.cpu().double() for each in torch.var_mean(part.float(), (0, 2, 3, 4), correction=0)
    )
    count = part.numel() // groups
    return Moments(count, count * mean, count * (variance + mean**2))


class _Asked(TorchFunctionMode):
    """Answers in the place of group norms, numbered from 0 as a network comes to them."""

    def __init__(self, answer: Callable[[int, _Norm], Tensor]) -> None:
        super().__init__()
        self._answer = answer
        self._numbers = count()

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if func is F.group_norm:
            return self._answer(next(self._numbers), _Norm(*args, **(kwargs or {})))
        return func(*args, **(kwargs or {}))
