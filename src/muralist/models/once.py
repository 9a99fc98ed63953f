"""The model of this process: loaded once, however many pictures it paints."""

from typing import Any

import torch

from muralist.models import load
from muralist.models.base import Model
from muralist.models.checkpoint import Checkpoint
from muralist.models.quiet import quiet

__all__ = ["loaded_once"]

_MODELS: dict[Any, Model] = {}


def loaded_once(
    wanted: Checkpoint, device: torch.device | None, dtype: torch.dtype | None
) -> Model:
    """As `load`, without a bar; one checkpoint is kept until another is wanted."""
    if (wanted, device, dtype) not in _MODELS:
        _MODELS.clear()
        quiet()
        _MODELS[wanted, device, dtype] = load(wanted, device=device, dtype=dtype)
    return _MODELS[wanted, device, dtype]
