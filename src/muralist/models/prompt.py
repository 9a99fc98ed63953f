"""What a model is told of a picture: words, or embeddings instead of them, and images."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

__all__ = ["Prompt", "Said"]

Said: TypeAlias = tuple[str, str, Any]  # an argument's name, its text, and a tokenizer for it

_WORDS = (
    "prompt_2",
    "negative_prompt",
    "negative_prompt_2",
    "clip_skip",
    "prompt_embeds",
    "negative_prompt_embeds",
    "pooled_prompt_embeds",
    "negative_pooled_prompt_embeds",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prompt:
    """What to paint, and what to lead away from: diffusers' arguments of the same names.

    Of a family with one text encoder, the second texts and pooled embeddings are unset.
    """

    prompt: str = ""  # empty where there are embeddings
    prompt_2: str | None = None  # for the second text encoder; the first's if unset
    negative_prompt: str | None = None
    negative_prompt_2: str | None = None
    clip_skip: int | None = None  # layers of the text encoders, from the last one
    prompt_embeds: Tensor | None = None  # 1, tokens, width
    negative_prompt_embeds: Tensor | None = None
    pooled_prompt_embeds: Tensor | None = None  # 1, width
    negative_pooled_prompt_embeds: Tensor | None = None
    ip_adapter_image: tuple[tuple[np.ndarray, ...], ...] = ()  # some for each IP-Adapter, H W 3
    ip_adapter_image_embeds: tuple[Tensor, ...] = ()  # 2, images, ...: of no images first

    @property
    def words(self) -> dict[str, Any]:
        """What `encode_prompt` of Stable Diffusion XL takes."""
        text = self.prompt if self.prompt_embeds is None else None
        return {"prompt": text, **{name: getattr(self, name) for name in _WORDS}}

    def with_words(self, text: str) -> "Prompt":
        """Another text, told the same way: without images, and away from nothing."""
        return replace(
            self,
            prompt=text,
            negative_prompt=None,
            negative_prompt_2=None,
            ip_adapter_image=(),
            ip_adapter_image_embeds=(),
        )

    def texts(self, tokenizer: Any) -> Iterator[Said]:
        """What is said to the first text encoder, by its arguments' names."""
        if self.prompt_embeds is None:
            yield "prompt", self.prompt, tokenizer
        if self.negative_prompt:
            yield "negative_prompt", self.negative_prompt, tokenizer

    def texts_2(self, tokenizer: Any) -> Iterator[Said]:
        """What is said to the second, which hears what the first does unless it is told more."""
        for name, text, _ in self.texts(tokenizer):
            own = getattr(self, f"{name}_2")
            yield (f"{name}_2", own, tokenizer) if own else (name, text, tokenizer)
