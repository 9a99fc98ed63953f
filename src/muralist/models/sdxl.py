"""Stable Diffusion XL: size and crop ids from views."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from muralist.canvas import Size, View
from muralist.models import unet, words
from muralist.models.base import Card
from muralist.models.control import ControlNets
from muralist.models.ip_adapter import shown
from muralist.models.live import live_card, live_device
from muralist.models.named import by_name
from muralist.models.prompt import Prompt
from muralist.query import Cond, Estimate, Framing, Query, Text

__all__ = ["SDXL"]


@dataclass(frozen=True)
class SDXL:
    """A `StableDiffusionXLPipeline` as a denoiser."""

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
        pooled = q.cond.rows(len(x)).pooled
        assert pooled is not None, "SDXL conditioning has pooled embeddings"
        added = {
            "text_embeds": pooled.to(self.device, self.pipe.unet.dtype),
            # a blocking copy would wait for all that the device still has to do
            "time_ids": size_and_crop_ids(q, len(x), self.facts.factor).to(
                self.device, non_blocking=True
            ),
        }
        return unet.predict(self.pipe.unet, x, q, self.device, self.nets, added)

    @torch.no_grad()
    def encode(self, prompt: Prompt) -> tuple[Cond, Cond]:
        words.check_words(self.pipe, prompt)
        given, without, pooled, pooled_without = self.pipe.encode_prompt(
            device=self.device, **prompt.words
        )
        images, none = shown(self.pipe, prompt, self.device)
        return (
            Cond(given, pooled.to(self.device), images),
            Cond(without, pooled_without.to(self.device), none),
        )

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
        first, second = self.pipe.tokenizer, self.pipe.tokenizer_2
        return words.dropped(self.pipe, [*prompt.texts(first), *prompt.texts_2(second)])


def size_and_crop_ids(q: Query, rows: int, factor: int) -> Tensor:
    """SDXL's six numbers a row, in pixels: original size, crop top and left, target size.

    Unless the row's framing says otherwise, both sizes are the finished picture's, at every stage
    (Podell et al., 2023, sec. 2.2, as used by DemoFusion), and the picture begins at its corner.
    The crop is where the view begins; a view that samples the whole canvas, or no view at all,
    begins where the picture does.
    """
    size = q.final.times(factor)
    crops = [_crop(view, q.canvas, factor) for view in q.views] or [(0, 0)] * rows
    framing = q.cond.rows(len(crops)).framing or (Framing(),) * len(crops)
    return torch.tensor([_ids(each, crop, size) for each, crop in zip(framing, crops, strict=True)])


def _ids(framing: Framing, crop: tuple[int, int], size: Size) -> tuple[int, ...]:
    top, left = framing.crops_coords_top_left
    begins = (top + crop[0], left + crop[1])
    return (*(framing.original_size or size), *begins, *(framing.target_size or size))


def _crop(view: View, canvas: Size, factor: int) -> tuple[int, int]:
    if view.step != 1:
        return 0, 0
    left = view.left % canvas.width if view.wrap else view.left
    # what hangs over is not on the canvas, and training knew no negative coordinates
    return max(view.top, 0) * factor, max(left, 0) * factor
