"""Checkpoints as denoisers: by name, or wrapped from a pipeline the user already has."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from muralist.errors import BadRequest
from muralist.models.alone import ALONE
from muralist.models.base import Card, Model
from muralist.models.cards import ALIASES, card, checkpoint_of
from muralist.models.checkpoint import Checkpoint, IPAdapter, Lora, OneIPAdapter, OneLora
from muralist.models.loading import pipeline
from muralist.models.stable_diffusion import StableDiffusion
from muralist.models.toy import Toy
from muralist.models.wrapping import facts_of

__all__ = [
    "ALIASES",
    "Card",
    "Checkpoint",
    "IPAdapter",
    "Lora",
    "Model",
    "StableDiffusion",
    "Toy",
    "best_device",
    "card",
    "load",
    "suited",
    "wrap",
]


def load(
    name: str | Path | Checkpoint = "shapes",
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    variant: str | None = None,
    config: str | Path | None = None,
    vae: str | Path | None = None,
    controlnet: str | Path | Sequence[str | Path] = (),
    lora: OneLora | Sequence[OneLora] = (),
    ip_adapter: OneIPAdapter | Sequence[OneIPAdapter] = (),
    textual_inversion: str | Path | Sequence[str | Path] = (),
) -> Model:
    """A model by alias (`shapes`, `toy`, `sdxl`, `sd15`, `sd21`), diffusers folder, single
    `.safetensors` file in the layout it was trained in, or hub id; or a whole `Checkpoint`.

    What else is loaded is `Checkpoint`'s: a LoRA is its file, or a pair of that and a weight, an
    IP-Adapter its file, or that, a scale and the folder of its image encoder; each may be a list.
    Weights are read from safetensors only. The device is the best this machine has, the dtype
    float16 on CUDA and float32 elsewhere, unless given.

    Raises `BadRequest`, `ModelNotFound` or `UnsupportedModel`, with the remedy.
    """
    given: dict[str, Any] = {
        "variant": variant,
        "config": config,
        "vae": vae,
        "controlnet": controlnet,
        "lora": lora,
        "ip_adapter": ip_adapter,
        "textual_inversion": textual_inversion,
    }
    if isinstance(name, Checkpoint) and any(given.values()):
        raise BadRequest("a Checkpoint says all that is loaded; change it with replace")
    wanted = replace(checkpoint_of(name), **given) if any(given.values()) else checkpoint_of(name)
    facts = card(wanted)
    if wanted.name == "toy":
        return Toy()
    device = torch.device(device or best_device())
    with ALONE:
        pipe = pipeline(facts, dtype or suited(device)).to(device)
    return StableDiffusion(pipe, facts, loaded=True)


def suited(device: str | torch.device | None = None) -> torch.dtype:
    """What models compute in on a device, the best of this machine if unset."""
    cuda = torch.device(device or best_device()).type == "cuda"
    return torch.float16 if cuda else torch.float32


def wrap(pipe: Any, name: str | None = None) -> Model:
    """A pipeline of Stable Diffusion 1, 2 or XL as it is, with all that is loaded into it.

    Of text to image, image to image, or either with ControlNets, by diffusers' classes: LoRAs,
    IP-Adapters, embeddings, attention processors and offloading stay as they are. Device,
    scheduler and adapters are looked up when they are needed, so that the pipeline may be changed
    between two pictures. `name` is what pictures record as their model; by default where the
    pipeline came from.

    Raises `UnsupportedModel` for all other pipelines, and for networks that inpaint or refine.
    """
    facts = facts_of(pipe, name)
    return StableDiffusion(pipe, facts)


def best_device() -> torch.device:
    """Where models are loaded if nothing else is said."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
