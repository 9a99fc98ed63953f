"""What the Stable Diffusion families share: one call of the network, the autoencoder."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from muralist.models.control import ControlNets
from muralist.query import Estimate, Query

__all__ = ["decode", "encode_pixels", "predict", "upcast"]


def predict(
    network: Any,
    x: Tensor,
    q: Query,
    device: torch.device,
    nets: ControlNets,
    added: dict[str, Tensor],
) -> Estimate:
    """One evaluation of a UNet, in its own dtype; x and the answer stay where x is."""
    dtype, cond = network.dtype, q.cond.rows(len(x))
    sample, images = x.to(device, dtype), [each.to(device, dtype) for each in cond.images]
    timestep = torch.full((len(x),), q.step.timestep, device=device)
    asked = {
        "encoder_hidden_states": cond.embeds.to(device, dtype),
        "added_cond_kwargs": {**added, **({"image_embeds": images} if images else {})},
    }
    residuals = nets.residuals(sample, timestep, q, asked)
    told = _told(network, q.told, device)
    asked |= {**residuals, "timestep_cond": told}
    output = network(sample, timestep, **asked, return_dict=False)[0].to(x.device, x.dtype)
    return Estimate(x, q.step.carry * x - q.step.gain * output)


def _told(network: Any, scale: float | None, device: torch.device) -> Tensor | None:
    """The guidance scale as networks distilled with it read it: waves of it, one row for all."""
    from diffusers.models.embeddings import get_timestep_embedding

    width = network.config.get("time_cond_proj_dim")
    if width is None or scale is None:
        return None
    # counted from 1, which is no guidance, in thousandths, as if it were a timestep
    waves = get_timestep_embedding(
        torch.tensor([1000 * (scale - 1)]), width, flip_sin_to_cos=False, downscale_freq_shift=1
    )
    return waves.to(device, network.dtype, non_blocking=True)


def decode(vae: Any, latents: Tensor, device: torch.device) -> Tensor:
    """Latents to pixels, 0 to 1. A decoder that overflows in float16 decodes in float32."""
    with _safe(vae):
        latents = latents.to(device, vae.dtype)
        mean, deviation = _moments(vae, latents)
        scaled = latents * deviation / vae.config.scaling_factor + mean
        return vae.decode(scaled, return_dict=False)[0].float() / 2 + 0.5


def encode_pixels(vae: Any, pixels: Tensor, device: torch.device) -> Tensor:
    """Pixels, 0 to 1, to latents. An encoder that overflows in float16 encodes in float32."""
    with _safe(vae):
        encoded = vae.encode(2 * pixels.to(device, vae.dtype) - 1, return_dict=False)[0]
        latents = encoded.mode().float()
        mean, deviation = _moments(vae, latents)
        return (latents - mean) * vae.config.scaling_factor / deviation


def _moments(vae: Any, like: Tensor) -> tuple[Tensor | float, Tensor | float]:
    """Mean and standard deviation of the autoencoder's latents, where its config tells them.

    Numbers, or tensors `1 C 1 1` like the given one.
    """
    mean, deviation = (getattr(vae.config, f"latents_{each}", None) for each in ("mean", "std"))
    if mean is None or deviation is None:
        return getattr(vae.config, "shift_factor", None) or 0.0, 1.0
    mean, deviation = (like.new_tensor(each).view(1, -1, 1, 1) for each in (mean, deviation))
    return mean, deviation


@contextmanager
def upcast(vae: Any) -> Iterator[None]:
    """An autoencoder that overflows in float16 is in float32 inside, and in float16 afterwards.

    Within another such context it stays as that one has it.
    """
    overflows = vae.dtype == torch.float16 and vae.config.force_upcast
    try:
        if overflows:
            nn.Module.to(vae, torch.float32)  # its own `to` warns, and this is undone
        yield
    finally:
        if overflows:
            nn.Module.to(vae, torch.float16)


@contextmanager
def _safe(vae: Any) -> Iterator[None]:
    """The pipeline gets its autoencoder back as it was: its owner goes on using it.

    Tiles of its own are put off: they would normalise each by itself.
    """
    tiling, vae.use_tiling = vae.use_tiling, False
    try:
        with upcast(vae):
            yield
    finally:
        vae.use_tiling = tiling
