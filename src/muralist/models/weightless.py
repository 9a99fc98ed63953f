"""Checkpoints without their weights: networks of the right shapes on tensors without data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from muralist.models.alone import ALONE
from muralist.models.architectures import Configs
from muralist.models.base import Card, Model
from muralist.models.cards import checkpoint_of, configs_of, pooled_width
from muralist.models.checkpoint import Checkpoint
from muralist.models.checks import image_encoder_of
from muralist.models.files import config_of
from muralist.models.stable_diffusion import StableDiffusion
from muralist.query import Cond

__all__ = ["Weightless", "made", "weightless"]

_TOKENS = 77  # of CLIP, however short the prompt


@dataclass(frozen=True)
class Weightless:
    """A model whose tensors have shapes and no data, what it is asked with, and its networks."""

    model: Model
    cond: Cond
    networks: Mapping[str, nn.Module]


def weightless(
    model: Model | str | Checkpoint, card: Card, dtype: torch.dtype
) -> Weightless | None:
    """A model as it would be once loaded in `dtype`; None of one that has no networks.

    Of a hub id that is not in the local cache, only the configs are fetched.
    """
    configs = _configs(model)
    if not configs:
        return None
    with ALONE, torch.device("meta"):
        networks = {name: made(name, config) for name, config in configs.items()}
        cond = _cond(configs["unet"], dtype)
    for network in networks.values():
        nn.Module.to(network, dtype)  # diffusers' own `to` warns of what is done when it loads
    pipe = SimpleNamespace(**networks)
    return Weightless(StableDiffusion(pipe, card), cond, networks)


def _configs(model: Model | str | Checkpoint) -> Configs:
    """The configs of a pipeline's networks, by their names."""
    if isinstance(model, str | Checkpoint):
        return {**configs_of(model), **_added(checkpoint_of(model))}
    parts = dict(getattr(getattr(model, "pipe", None), "components", {}))
    control = parts.get("controlnet")
    for number, net in enumerate(getattr(control, "nets", [control])):
        parts[f"controlnet_{number}"] = net
    found = {
        name: part for name, part in parts.items() if part is not None and re.match(_NETWORKS, name)
    }
    return {
        name: {**_plain(network.config), "_class_name": type(network).__name__}
        for name, network in found.items()
    }


_NETWORKS = r"unet$|vae$|text_encoder(_2)?$|image_encoder$|controlnet_\d"


def _added(checkpoint: Checkpoint) -> Configs:
    """The configs of networks beside those of the model's name."""
    names = enumerate(checkpoint.controlnet)
    found = {f"controlnet_{number}": config_of(name, "ControlNet") for number, name in names}
    encoders = filter(None, map(image_encoder_of, checkpoint.ip_adapter))
    for folder in encoders:  # one for all
        config = config_of(folder, "image encoder")
        found["image_encoder"] = {**config, "_class_name": "CLIPVisionModelWithProjection"}
    return found


def _plain(config: Any) -> Mapping[str, Any]:
    """A config of diffusers is a mapping; one of transformers makes one."""
    return config if isinstance(config, Mapping) else config.to_dict()


def made(name: str, config: Mapping[str, Any]) -> nn.Module:
    """A network of a pipeline by its place there, from its config, where torch makes tensors."""
    import diffusers
    import transformers

    if name == "unet":
        return diffusers.UNet2DConditionModel.from_config(dict(config))  # type: ignore
    if name == "vae":
        return diffusers.AutoencoderKL.from_config(dict(config))  # type: ignore
    if name.startswith("controlnet"):
        return diffusers.ControlNetModel.from_config(dict(config))  # type: ignore
    known = {key: value for key, value in config.items() if key != "_class_name"}
    kind = getattr(transformers, config["_class_name"])
    return kind(kind.config_class(**known))


def _cond(unet: Mapping[str, Any], dtype: torch.dtype) -> Cond:
    embeds = torch.empty(1, _TOKENS, unet["cross_attention_dim"], dtype=dtype)
    width = pooled_width(unet)
    return Cond(embeds, None if width is None else torch.empty(1, width, dtype=dtype))
