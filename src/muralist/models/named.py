"""Models that travel to other processes by the names of their checkpoints."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from muralist.errors import UnsupportedModel
from muralist.models.base import Card, Model
from muralist.models.checkpoint import Checkpoint
from muralist.models.live import loras
from muralist.models.quiet import quiet

__all__ = ["by_name"]


def by_name(
    model: Model, pipe: Any, dtype: torch.dtype, loaded: bool
) -> tuple[Callable[..., Model], tuple]:
    """How a model is pickled: as what `load` makes of its checkpoint, once in each process.

    Raises `UnsupportedModel` for one that was not loaded so, and for one whose `pipe` has been
    given other adapters since: other processes would paint without them.
    """
    card: Card = model.card
    if not loaded:
        raise UnsupportedModel(
            f"{card.name} is a pipeline that was wrapped, which other processes cannot load; save"
            " it with save_pretrained, and name the folder as the model to paint it by workers"
        )
    wanted = card.checkpoint
    for kind, named, there in (
        ("LoRA", len(wanted.lora), loras(pipe)),
        ("IP-Adapter", len(wanted.ip_adapter), card.ip_adapters),
    ):
        if named != there:
            raise UnsupportedModel(
                f"{card.name} was loaded with {named} {kind}(s) and has {there} now, which other"
                " processes cannot know of; load it with them to paint it by workers"
            )
    return _resident, (wanted, model.device, dtype)


@cache
def _resident(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> Model:
    """The one copy of a model in a process that was sent it."""
    from muralist.models import load

    quiet()  # the terminal is somebody else's
    return load(checkpoint, device=device, dtype=dtype)
