"""Images that lead, as the encoders of a pipeline's IP-Adapters see them (Ye et al., 2023)."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor

from muralist.errors import BadRequest
from muralist.models.prompt import Prompt

__all__ = ["shown"]


def shown(
    pipe: Any, prompt: Prompt, device: torch.device
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """What each IP-Adapter's encoder says of its images, `1 images ...`, and of none.

    Computed by the pipeline. Raises `BadRequest` where it has no encoder for them.
    """
    if not (prompt.ip_adapter_image or prompt.ip_adapter_image_embeds):
        return (), ()
    if prompt.ip_adapter_image and pipe.image_encoder is None:
        raise BadRequest(
            "the IP-Adapter was loaded without its image encoder; load it with one, or give"
            " ip_adapter_image_embeds instead of ip_adapter_image"
        )
    images = [[Image.fromarray(each) for each in some] for some in prompt.ip_adapter_image]
    embeds = [_paired(each) for each in prompt.ip_adapter_image_embeds]
    both = pipe.prepare_ip_adapter_image_embeds(images, embeds or None, device, 1, True)
    without, given = zip(*(each.chunk(2) for each in both), strict=True)
    return given, without


def _paired(embeds: Tensor) -> Tensor:
    """Rows for no images and for these: of those without guidance, the first is never asked for."""
    return embeds if len(embeds) == 2 else torch.cat([torch.zeros_like(embeds), embeds])
