"""Stable Diffusion 1 and 2: one text encoder."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from muralist.models.prompt import Prompt, Said
from muralist.query import Cond, Query

__all__ = ["added", "encode", "texts"]


def encode(pipe: Any, prompt: Prompt, device: torch.device) -> tuple[Cond, Cond]:
    """What the text encoder says of the prompt, and of what guidance leads away from."""
    with _last_norm(pipe.text_encoder):
        given, without = pipe.encode_prompt(
            prompt.words["prompt"],
            device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=True,
            negative_prompt=prompt.negative_prompt,
            prompt_embeds=prompt.prompt_embeds,
            negative_prompt_embeds=prompt.negative_prompt_embeds,
            clip_skip=prompt.clip_skip,
        )
    return Cond(given), Cond(without)


def added(
    network: Any, q: Query, rows: int, factor: int, device: torch.device
) -> dict[str, Tensor]:
    """Nothing: the network is told words and the timestep alone."""
    return {}


def texts(pipe: Any, prompt: Prompt) -> Iterable[Said]:
    """The prompt's texts, for the one tokenizer."""
    return prompt.texts(pipe.tokenizer)


@contextmanager
def _last_norm(encoder: Any) -> Iterator[None]:
    """Lets diffusers find it in `text_model`, which encoders of transformers 5 are themselves."""
    if encoder is None or hasattr(encoder, "text_model"):
        yield
        return
    vars(encoder)["text_model"] = encoder  # beside the modules: it is no part of itself
    try:
        yield
    finally:
        del vars(encoder)["text_model"]
