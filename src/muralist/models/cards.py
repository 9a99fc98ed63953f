"""What is known of a model before any weight is read."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from muralist.canvas import Size
from muralist.errors import ModelNotFound, UnsupportedModel
from muralist.models.base import Card
from muralist.models.toy import Toy
from muralist.shapes import WEIGHTS

__all__ = ["ALIASES", "card", "card_of_configs", "folder"]

_SDXL_SCHEDULER = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "steps_offset": 1,
    "timestep_spacing": "leading",
}
_SD_SCHEDULER = {**_SDXL_SCHEDULER, "_class_name": "DDIMScheduler", "clip_sample": False}

ALIASES: Mapping[str, str] = {
    "shapes": str(WEIGHTS),
    "toy": "toy",
    "sdxl": "stabilityai/stable-diffusion-xl-base-1.0",
    "sd15": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "sd21": "stabilityai/stable-diffusion-2-1",
}

_CARDS: Mapping[str, Card] = {
    "toy": Toy().card,
    "sdxl": Card(
        name="sdxl",
        family="sdxl",
        native=Size(128, 128),
        factor=8,
        channels=4,
        scheduler=_SDXL_SCHEDULER,
    ),
    "sd15": Card(
        name="sd15",
        family="sd",
        native=Size(64, 64),
        factor=8,
        channels=4,
        scheduler=_SD_SCHEDULER,
    ),
    "sd21": Card(
        name="sd21",
        family="sd",
        native=Size(96, 96),
        factor=8,
        channels=4,
        scheduler={**_SD_SCHEDULER, "prediction_type": "v_prediction"},
    ),
}


@cache
def card(name: str) -> Card:
    """The card of an alias, a folder in diffusers format, or a hub id in the local cache.

    Raises `ModelNotFound` where there is none and `UnsupportedModel` for other architectures.
    """
    if name in _CARDS:
        return _CARDS[name]
    path = folder(name)
    try:
        configs = {part: _read(path / file) for part, file in _FILES.items()}
    except (OSError, ValueError) as error:
        raise ModelNotFound(f"{name!r} is no complete diffusers folder: {error}") from error
    known = card_of_configs(name, configs)
    return replace(known, num_inference_steps=25, guidance_scale=5.0) if name == "shapes" else known


def folder(name: str) -> Path:
    """The folder that holds a model's files, downloaded by the hub's own client where need be."""
    source = ALIASES.get(name, name)
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    if path.is_file():
        raise UnsupportedModel(f"{name!r} is a single file; a folder in diffusers format is needed")
    if source.count("/") != 1 or source.startswith((".", "/", "~")):
        known = ", ".join(ALIASES)
        raise ModelNotFound(f"there is no model {name!r}: not one of {known}, and no such folder")
    return _from_hub(name, source)


def _from_hub(name: str, source: str) -> Path:
    import diffusers

    try:
        download = getattr(diffusers, "DiffusionPipeline").download  # noqa: B009
        return Path(download(source, use_safetensors=True))
    except Exception as error:  # the hub's client raises a dozen unrelated classes
        raise ModelNotFound(
            f"{name!r} ({source}) is neither in the local cache nor to be downloaded"
            f" ({type(error).__name__}); download it with `hf download {source}` where there is"
            " a network, or give a folder"
        ) from error


_FILES = {
    "pipeline": "model_index.json",
    "unet": "unet/config.json",
    "vae": "vae/config.json",
    "scheduler": "scheduler/scheduler_config.json",
}


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def card_of_configs(name: str, configs: Mapping[str, Mapping[str, Any]]) -> Card:
    """The card that a pipeline's own configs describe."""
    unet, vae = configs["unet"], configs["vae"]
    architecture = str(configs["pipeline"].get("_class_name"))
    if architecture not in _FAMILIES:
        raise UnsupportedModel(
            f"{name!r} is a {architecture}; {' and '.join(_FAMILIES)} are supported"
        )
    if unet["in_channels"] != vae["latent_channels"]:
        raise UnsupportedModel(
            f"the network of {name!r} reads {unet['in_channels']} channels where its latents have"
            f" {vae['latent_channels']}: inpainting and refining models cannot paint from noise"
        )
    side = unet["sample_size"]
    native = Size(side, side) if isinstance(side, int) else Size(*side)
    return Card(
        name=name,
        family=_FAMILIES[architecture],
        native=native,
        factor=2 ** (len(vae["block_out_channels"]) - 1),
        channels=vae["latent_channels"],
        scheduler=configs["scheduler"],
        decoder_width=vae["block_out_channels"][0],
    )


_FAMILIES = {"StableDiffusionXLPipeline": "sdxl", "StableDiffusionPipeline": "sd"}
