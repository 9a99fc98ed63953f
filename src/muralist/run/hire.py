"""Who computes the views of a run: this process alone, with others, or a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch

from muralist.errors import BadRequest
from muralist.run.crew import Crew, Nobody, Team
from muralist.run.processes import Processes, devices
from muralist.run.task import Functions

__all__ = ["check_workers", "hired"]


def check_workers(workers: int | None, ray: str | None, device: torch.device) -> None:
    """Raises `BadRequest` where this machine has not so many devices, or not Ray, and for none."""
    if workers is not None and workers < 1:
        raise BadRequest(f"workers is {workers}; 1 or more are possible")
    if ray is None:
        devices(workers or 1, device)
    elif find_spec("ray") is None:
        raise BadRequest('a Ray cluster needs ray; install it with: pip install "muralist[ray]"')


@contextmanager
def hired(
    workers: int | None, ray: str | None, device: torch.device, needed: Any
) -> Iterator[Crew]:
    """So many workers, each with what is `needed`, a model say, for as long as it takes.

    Processes of this machine, of which this is one; or actors of the Ray cluster at `ray`, beside
    this process, which does with a copy of its own what cannot be shared out.

    Raises `BadRequest` or `UnsupportedModel` before anything is started where there cannot be so
    many, or where what is needed cannot be had elsewhere.
    """
    check_workers(workers, ray, device)
    if ray is None and (workers or 1) == 1:
        yield Crew(Nobody())
        return
    ready = partial(_ready, needed)
    Functions().described(ready)  # raises
    with Crew(_team(workers, ray, device), here=ray is None) as crew:
        crew.warm(ready, None)  # the first stage is one view, and time enough
        yield crew


def _team(workers: int | None, ray: str | None, device: torch.device) -> Team:
    if ray is None:
        _, *others = devices(workers or 1, device)
        return Processes(others)
    from muralist.run.ray import Actors

    return Actors(ray, workers, device)


def _ready(needed: Any, order: None) -> None:
    """Nothing; but what travels has to be there first."""
