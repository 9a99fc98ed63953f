"""Stable Diffusion 1 and 2."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from muralist.canvas import Size
from muralist.models import unet
from muralist.models.base import Card
from muralist.models.live import live_card
from muralist.models.named import by_name
from muralist.models.unet import Said
from muralist.query import Cond, Estimate, Query, Text

__all__ = ["SD"]


@dataclass(frozen=True)
class SD:
    """A `StableDiffusionPipeline` as a denoiser."""

    pipe: Any
    facts: Card  # as they were when it was loaded or wrapped
    loaded: bool = False  # from its checkpoint, as any other process can

    def __reduce__(self) -> tuple:
        return by_name(self, self.pipe.unet.dtype, self.loaded)

    @property
    def card(self) -> Card:
        return live_card(self.facts, self.pipe)

    @property
    def device(self) -> torch.device:
        """Where it computes; under offloading its weights rest elsewhere."""
        return self.pipe._execution_device

    @property
    def native(self) -> Size:
        return self.facts.native

    @property
    def network(self) -> nn.Module:
        return self.pipe.unet

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return unet.predict(self.pipe.unet, x, q, self.device)

    @torch.no_grad()
    def encode(self, prompt: str, negative_prompt: str | None) -> tuple[Cond, Cond]:
        given, without = self.pipe.encode_prompt(
            prompt, self.device, 1, True, negative_prompt=negative_prompt
        )
        return Cond(given), Cond(without)

    def text(self, prompt: str) -> Text:
        return unet.text(self.pipe.tokenizer, prompt, Said(self))

    def decode(self, latents: Tensor) -> Tensor:
        return unet.decode(self.pipe.vae, latents, self.device)

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        return unet.encode_pixels(self.pipe.vae, pixels, self.device)

    def upcast(self) -> AbstractContextManager[None]:
        return unet.upcast(self.pipe.vae)

    def rest(self) -> None:
        self.pipe.maybe_free_model_hooks()

    def dropped(self, prompt: str) -> str:
        return unet.dropped(self.pipe.tokenizer, prompt)
