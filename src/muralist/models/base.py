"""What every checkpoint must offer, and what can be known of it before it is loaded."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.models.checkpoint import Checkpoint
from muralist.models.prompt import Prompt
from muralist.query import Cond, Painter, Text

__all__ = ["Card", "Model"]


@dataclass(frozen=True, kw_only=True)
class Card:
    """The facts of a model that requests are checked and plans are made with."""

    checkpoint: Checkpoint  # what `load` takes
    pipeline: str  # the diffusers class that it loads as; empty for the toy
    native: Size  # latent cells it was trained at
    factor: int  # pixels per latent cell, along one side
    channels: int  # of the latents
    scheduler: Mapping[str, Any]  # a diffusers scheduler config
    num_inference_steps: int = 50
    guidance_scale: float = 7.5
    distilled: bool = False  # with guidance: the network is told the scale, and leads by itself
    decoder_width: int = 128  # channels of the decoder at full resolution
    controlnets: int = 0  # that control images can be given for
    ip_adapters: int = 0  # that pictures can be given for as prompts
    text_width: int = 768  # of a token's embedding
    pooled_width: int | None = None  # of a whole prompt's; None where the family has none

    @property
    def name(self) -> str:
        """An alias, a folder, a file or a hub id."""
        return self.checkpoint.name

    def latent(self, height: int, width: int) -> Size:
        """The canvas of a picture of that many pixels.

        Raises `BadRequest` where a side is not a positive multiple of the factor.
        """
        if min(height, width) < self.factor or height % self.factor or width % self.factor:
            near = self.nearest(height, width).times(self.factor)
            raise BadRequest(
                f"a picture of {Size(height, width)} pixels is not possible; {self.name} paints"
                f" positive multiples of {self.factor}, {near} for example"
            )
        return Size(height // self.factor, width // self.factor)

    def nearest(self, height: float, width: float) -> Size:
        """The canvas nearest to that of a picture of that many pixels."""
        return Size(*(max(round(side / self.factor), 1) for side in (height, width)))


class Model(Painter, Protocol):
    """A checkpoint: the network without guidance as a denoiser, and ways from text and to pixels.

    Called with latents `B C H W` in float32, on any device, it answers there, in float32.
    """

    @property
    def card(self) -> Card: ...

    @property
    def device(self) -> torch.device:
        """Where canvases are best kept."""
        ...

    def encode(self, prompt: Prompt) -> tuple[Cond, Cond]:
        """The conditioning of a prompt, and of what guidance leads away from.

        Raises `BadRequest` where it takes an encoder, or layers of one, that are not there.
        """
        ...

    def text(self, prompt: Prompt) -> Text | None:
        """The prompt as tokens that can be said in part; None where there are none."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Latents `1 C H W` to pixels `1 3 fH fW`, 0 to 1, not clamped; differentiable."""
        ...

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        """Pixels `1 3 fH fW`, 0 to 1, to latents `1 C H W`: the mean of what the encoder says."""
        ...

    def upcast(self) -> AbstractContextManager[None]:
        """A context for decoding or encoding several times.

        What would be converted for each time is converted once, and is as it was afterwards.
        """
        ...

    def rest(self) -> None:
        """Lets go of what a run has brought to the device, where weights rest elsewhere."""
        ...

    def dropped(self, prompt: Prompt) -> dict[str, str]:
        """The ends of texts that a text encoder has no room for, by their arguments' names."""
        ...
