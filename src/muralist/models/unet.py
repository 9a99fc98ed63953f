"""What the Stable Diffusion families share: one call of the network, the decoder, the tokenizer."""

from typing import Any

import torch
from torch import Tensor

from muralist.query import Estimate, Query

__all__ = ["decode", "dropped", "predict"]


def predict(
    network: Any,
    x: Tensor,
    q: Query,
    device: torch.device,
    added: dict[str, Tensor] | None = None,
) -> Estimate:
    """One evaluation of a UNet, in its own dtype; x and the answer stay where x is."""
    dtype = network.dtype
    output = network(
        x.to(device, dtype),
        torch.full((len(x),), q.step.timestep, device=device),
        encoder_hidden_states=q.cond.rows(len(x)).embeds.to(device, dtype),
        added_cond_kwargs=added,
        return_dict=False,
    )[0].to(x.device, x.dtype)
    return Estimate(x, q.step.carry * x - q.step.gain * output)


def decode(vae: Any, latents: Tensor, device: torch.device) -> Tensor:
    """Latents to pixels, 0 to 1. A decoder that overflows in half precision is kept in float32."""
    if vae.dtype == torch.float16 and vae.config.force_upcast:
        vae.to(torch.float32)
    scaled = latents.to(device, vae.dtype) / vae.config.scaling_factor
    return vae.decode(scaled, return_dict=False)[0].float() / 2 + 0.5


def dropped(tokenizer: Any, prompt: str) -> str:
    """The words that do not fit between the start and the end token."""
    ids = tokenizer(prompt, add_special_tokens=False, truncation=False, verbose=False).input_ids
    return tokenizer.decode(ids[tokenizer.model_max_length - 2 :], skip_special_tokens=True).strip()
