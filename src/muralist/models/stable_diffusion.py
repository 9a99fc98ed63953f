"""Pipelines of Stable Diffusion as denoisers."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from muralist.canvas import Size
from muralist.models import unet, words
from muralist.models.base import Card
from muralist.models.control import ControlNets
from muralist.models.families import FAMILIES, Family
from muralist.models.ip_adapter import shown
from muralist.models.live import live_card, live_device
from muralist.models.named import by_name
from muralist.models.prompt import Prompt
from muralist.query import Cond, Estimate, Query, Text

__all__ = ["StableDiffusion"]


@dataclass(frozen=True)
class StableDiffusion:
    """A pipeline of diffusers' as a denoiser: what families have in common."""

    pipe: Any
    facts: Card  # as they were when it was loaded or wrapped
    loaded: bool = False  # from its checkpoint, as any other process can

    def __reduce__(self) -> tuple:
        return by_name(self, self.pipe, self.pipe.unet.dtype, self.loaded)

    @property
    def family(self) -> Family:
        return FAMILIES[self.facts.pipeline]

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
        network, device = self.pipe.unet, self.device
        added = self.family.added(network, q, len(x), self.facts.factor, device)
        return unet.predict(network, x, q, device, self.nets, added)

    @torch.no_grad()
    def encode(self, prompt: Prompt) -> tuple[Cond, Cond]:
        words.check_words(self.pipe, prompt)
        given, without = self.family.encode(self.pipe, prompt, self.device)
        images, none = shown(self.pipe, prompt, self.device)
        return replace(given, images=images), replace(without, images=none)

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
        return words.dropped(self.pipe, self.family.texts(self.pipe, prompt))
