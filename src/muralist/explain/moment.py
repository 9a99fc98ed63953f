"""The steps of a run of the embedded model, and the questions that are asked at them."""

from functools import lru_cache

import torch

from muralist.canvas import Size
from muralist.models import card
from muralist.query import Cond, Query, Step
from muralist.solvers.schedule import schedule

__all__ = ["asked", "steps"]


@lru_cache(maxsize=16)
def steps(count: int) -> tuple[Step, ...]:
    """As its scheduler takes them, from noise to picture."""
    return schedule(card("shapes").scheduler, count).steps


def asked(step: Step, canvas: Size, seed: int = 0) -> Query:
    """A question about a canvas, at a step of its second stage, with no words in it."""
    return Query(step, Cond(torch.empty(0)), canvas, final=canvas, seed=seed, stage=2)
