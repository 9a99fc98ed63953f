"""Models that travel to other processes by the names of their checkpoints."""

from collections.abc import Callable
from functools import cache

import torch

from muralist.errors import UnsupportedModel
from muralist.models.base import Card, Model
from muralist.models.checkpoint import Checkpoint
from muralist.models.quiet import quiet

__all__ = ["by_name"]


def by_name(model: Model, dtype: torch.dtype, loaded: bool) -> tuple[Callable[..., Model], tuple]:
    """How a model is pickled: as what `load` makes of its checkpoint, once in each process.

    Raises `UnsupportedModel` for one that was not loaded so: other processes could not.
    """
    card: Card = model.card
    if not loaded:
        raise UnsupportedModel(
            f"{card.name} is a pipeline that was wrapped, which other processes cannot load; save"
            " it with save_pretrained, and name the folder as the model to paint it by workers"
        )
    return _resident, (card.checkpoint, model.device, dtype)


@cache
def _resident(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> Model:
    """The one copy of a model in a process that was sent it."""
    from muralist.models import load

    quiet()  # the terminal is somebody else's
    return load(checkpoint, device=device, dtype=dtype)
