"""Checkpoints as denoisers: by name, or wrapped from a pipeline the user already has."""

from dataclasses import replace
from typing import Any

import torch

from muralist.errors import ModelNotFound, UnsupportedModel
from muralist.models.base import Card, Model
from muralist.models.cards import ALIASES, SUPPORTED, card, card_of_configs, folder
from muralist.models.control import controlnets
from muralist.models.sd import SD
from muralist.models.sdxl import SDXL
from muralist.models.toy import Toy

__all__ = [
    "ALIASES",
    "SD",
    "SDXL",
    "Card",
    "Model",
    "Toy",
    "best_device",
    "card",
    "load",
    "suited",
    "wrap",
]

_ADAPTERS: dict[str, type[SD] | type[SDXL]] = dict(zip(SUPPORTED, (SD, SDXL), strict=True))


def load(
    name: str = "shapes",
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Model:
    """A model by alias (`shapes`, `toy`, `sdxl`, `sd15`, `sd21`), diffusers folder or hub id.

    Weights are read from safetensors only. The device is the best this machine has, the dtype
    float16 on CUDA and float32 elsewhere, unless given.

    Raises `ModelNotFound` or `UnsupportedModel`, with the remedy.
    """
    if name == "toy":
        return Toy()
    facts = card(name)
    device = torch.device(device or best_device())
    dtype = dtype or suited(device)
    return _ADAPTERS[facts.pipeline](_pipeline(facts, dtype).to(device), facts, device, loaded=True)


def suited(device: str | torch.device | None = None) -> torch.dtype:
    """What models compute in on a device, the best of this machine if unset."""
    cuda = torch.device(device or best_device()).type == "cuda"
    return torch.float16 if cuda else torch.float32


def wrap(pipe: Any, name: str | None = None) -> Model:
    """A `StableDiffusionXLPipeline` or `StableDiffusionPipeline` as it is, with its LoRAs.

    Or one of these with ControlNets, `StableDiffusionXLControlNetPipeline` say.
    Device and scheduler are read here: move the pipeline or change its scheduler before. `name` is
    what pictures record as their model; by default where the pipeline came from.
    """
    source = name or str(getattr(pipe, "_name_or_path", "") or type(pipe).__name__)
    try:
        configs = {
            "pipeline": {"_class_name": _class_of(pipe)},
            "unet": pipe.unet.config,
            "vae": pipe.vae.config,
            "scheduler": {**pipe.scheduler.config, "_class_name": type(pipe.scheduler).__name__},
        }
    except AttributeError as error:
        raise UnsupportedModel(
            f"{type(pipe).__name__} is no pipeline of the supported ones"
        ) from error
    facts = replace(card_of_configs(source, configs), controlnets=controlnets(pipe))
    return _ADAPTERS[facts.pipeline](pipe, facts, pipe._execution_device)


def _class_of(pipe: Any) -> str:
    """The supported pipeline that it is, or is one of somebody's own kinds of."""
    names = [kind.__name__.replace("ControlNetPipeline", "Pipeline") for kind in type(pipe).__mro__]
    return next((name for name in names if name in SUPPORTED), names[0])


def _pipeline(facts: Card, dtype: torch.dtype) -> Any:
    import diffusers

    checks = {"safety_checker": None, "feature_extractor": None}
    extra = checks if facts.pipeline == "StableDiffusionPipeline" else {}
    try:
        return getattr(diffusers, facts.pipeline).from_pretrained(
            folder(facts.name), dtype=dtype, use_safetensors=True, local_files_only=True, **extra
        )
    except (OSError, ValueError) as error:
        raise ModelNotFound(f"{facts.name!r} could not be read: {error}") from error


def best_device() -> torch.device:
    """Where models are loaded if nothing else is said."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
