"""Stable Diffusion 1 and 2."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from muralist.canvas import Size
from muralist.models import unet, words
from muralist.models.base import Card
from muralist.models.control import ControlNets
from muralist.models.ip_adapter import shown
from muralist.models.live import live_card, live_device
from muralist.models.named import by_name
from muralist.models.prompt import Prompt
from muralist.query import Cond, Estimate, Query, Text

__all__ = ["SD"]


@dataclass(frozen=True)
class SD:
    """A `StableDiffusionPipeline` as a denoiser."""

    pipe: Any
    facts: Card  # as they were when it was loaded or wrapped
    loaded: bool = False  # from its checkpoint, as any other process can

    def __reduce__(self) -> tuple:
        return by_name(self, self.pipe, self.pipe.unet.dtype, self.loaded)

    @property
    def card(self) -> Card:
        return live_card(self.facts, self.pipe)

    @property
    def device(self) -> torch.device:
        """Where it computes; under offloading its weights rest elsewhere."""
        return live_device(self.pipe)

    @property
    def native(self) -> Size:
        return self.facts.native

    @property
    def network(self) -> nn.Module:
        return self.pipe.unet

    @property
    def nets(self) -> ControlNets:
        return ControlNets(getattr(self.pipe, "controlnet", None), self.facts.factor)

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return unet.predict(self.pipe.unet, x, q, self.device, self.nets)

    @torch.no_grad()
    def encode(self, prompt: Prompt) -> tuple[Cond, Cond]:
        words.check_words(self.pipe, prompt)
        with _last_norm(self.pipe.text_encoder):
            given, without = self.pipe.encode_prompt(
                prompt.words["prompt"],
                self.device,
                1,
                True,
                negative_prompt=prompt.negative_prompt,
                prompt_embeds=prompt.prompt_embeds,
                negative_prompt_embeds=prompt.negative_prompt_embeds,
                clip_skip=prompt.clip_skip,
            )
        images, none = shown(self.pipe, prompt, self.device)
        return Cond(given, None, images), Cond(without, None, none)

    def text(self, prompt: Prompt) -> Text | None:
        return words.text(self, prompt)

    def decode(self, latents: Tensor) -> Tensor:
        return unet.decode(self.pipe.vae, latents, self.device)

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        return unet.encode_pixels(self.pipe.vae, pixels, self.device)

    def upcast(self) -> AbstractContextManager[None]:
        return unet.upcast(self.pipe.vae)

    def rest(self) -> None:
        self.pipe.maybe_free_model_hooks()

    def dropped(self, prompt: Prompt) -> dict[str, str]:
        return words.dropped(self.pipe, prompt.texts(self.pipe.tokenizer))


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
