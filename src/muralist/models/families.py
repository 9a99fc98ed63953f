"""What the Stable Diffusion families differ in, by the classes of their pipelines."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from muralist.models import sd, sdxl
from muralist.models.prompt import Prompt, Said
from muralist.query import Cond, Query

__all__ = ["FAMILIES", "Family"]


@dataclass(frozen=True)
class Family:
    """How a pipeline encodes words, and what its network is told beside them."""

    # of a pipeline and a prompt, on a device: what the prompt says, and what guidance leads from
    encode: Callable[[Any, Prompt, torch.device], tuple[Cond, Cond]]
    # of a network and a query of so many rows, by pixels per cell, on a device: `added_cond_kwargs`
    added: Callable[[Any, Query, int, int, torch.device], dict[str, Tensor]]
    # of a pipeline: a prompt's texts, each with a tokenizer that reads it
    texts: Callable[[Any, Prompt], Iterable[Said]]


FAMILIES: Mapping[str, Family] = {
    "StableDiffusionPipeline": Family(sd.encode, sd.added, sd.texts),
    "StableDiffusionXLPipeline": Family(sdxl.encode, sdxl.added, sdxl.texts),
}
