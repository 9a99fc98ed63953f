"""Stable Diffusion XL: two text encoders, and size and crop ids from views."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from muralist.canvas import Size, View
from muralist.models.prompt import Prompt, Said
from muralist.query import Cond, Framing, Query

__all__ = ["added", "encode", "size_and_crop_ids", "texts"]


def encode(pipe: Any, prompt: Prompt, device: torch.device) -> tuple[Cond, Cond]:
    """What the text encoders say of the prompt, and of what guidance leads away from."""
    given, without, pooled, none = pipe.encode_prompt(device=device, **prompt.words)
    return Cond(given, pooled.to(device)), Cond(without, none.to(device))


def added(
    network: Any, q: Query, rows: int, factor: int, device: torch.device
) -> dict[str, Tensor]:
    """The pooled prompt, and sizes and crops."""
    pooled = q.cond.rows(rows).pooled
    assert pooled is not None, "SDXL conditioning has pooled embeddings"
    # a blocking copy would wait for all that the device still has to do
    ids = size_and_crop_ids(q, rows, factor).to(device, non_blocking=True)
    return {"text_embeds": pooled.to(device, network.dtype), "time_ids": ids}


def texts(pipe: Any, prompt: Prompt) -> Iterable[Said]:
    """The prompt's texts, for each of the two tokenizers."""
    return [*prompt.texts(pipe.tokenizer), *prompt.texts_2(pipe.tokenizer_2)]


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
