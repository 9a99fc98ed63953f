"""Checkpoints in one file, in the layout they were trained in: what their headers tell."""

import re
from collections.abc import Mapping
from typing import Any

from muralist.errors import UnsupportedModel
from muralist.models.files import Header

__all__ = ["UNET", "family", "scheduler_of", "side_of"]

UNET = "model.diffusion_model."
_FIRST = f"{UNET}input_blocks.0.0.weight"
_SIZE_AND_CROP = f"{UNET}label_emb.0.0.weight"
_DECODER = "first_stage_model.decoder.conv_in.weight"

# What tells other things apart, by a part of a key. The first that is found is meant.
_OTHERS: Mapping[str, str] = {
    r"lora_(down|up|A|B)|lora\.(down|up)|hada_w|lokr_w": "a LoRA; give it as `lora` to a model",
    r"^control_model\.": "a ControlNet; give its diffusers folder as `controlnet` to a model",
    r"^(image_proj|ip_adapter)\.": "an IP-Adapter; give it as `ip_adapter` to a model",
    r"double_blocks\.": "a checkpoint of Flux or its kin",
    r"joint_blocks\.": "a checkpoint of Stable Diffusion 3",
    r"^(down_blocks|conv_in)\.": "one network of a diffusers folder; name the folder",
    r"^(encoder|decoder)\.": "an autoencoder; give it as `vae` to a model",
}
_READS = {9: "an inpainting model", 8: "a model that edits pictures", 5: "a depth model"}


def family(name: str, found: Header) -> str:
    """The alias whose architecture a file has: `sd15`, `sd21` or `sdxl`.

    Raises `UnsupportedModel` for all others, and for what is no whole checkpoint.
    """
    shapes = found.shapes
    if _FIRST not in shapes:
        raise UnsupportedModel(f"{name!r} is {_other(shapes)}; {_WANTED}")
    channels = shapes[_FIRST][1]
    if channels != 4:
        kind = _READS.get(channels, "another model")
        raise UnsupportedModel(
            f"{name!r} is {kind}, whose network reads {channels} channels where latents have 4;"
            " it cannot paint from noise"
        )
    encoders = _encoders(shapes)
    if _SIZE_AND_CROP in shapes and encoders == {"openclip in SDXL's first place"}:
        raise UnsupportedModel(
            f"{name!r} is SDXL's refiner, which cannot paint from noise; name the base model"
        )
    known = _FAMILIES.get((_SIZE_AND_CROP in shapes, frozenset(encoders)))
    if known is None:
        parts = " and ".join(sorted(encoders)) or "no text encoder"
        raise UnsupportedModel(f"{name!r} holds a network beside {parts}; {_WANTED}")
    if _DECODER not in shapes:
        raise UnsupportedModel(f"{name!r} holds no autoencoder; {_WANTED}")
    return known


_WANTED = (
    "a whole checkpoint of Stable Diffusion 1, 2 or XL is needed: network, autoencoder and text"
    " encoders"
)
_ENCODERS = {
    "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight": "CLIP",
    "cond_stage_model.model.token_embedding.weight": "OpenCLIP",
    "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight": (
        "SDXL's CLIP"
    ),
    "conditioner.embedders.1.model.token_embedding.weight": "SDXL's OpenCLIP",
    "conditioner.embedders.0.model.token_embedding.weight": "openclip in SDXL's first place",
}
_FAMILIES = {  # told sizes and crops or not, and the text encoders
    (False, frozenset({"CLIP"})): "sd15",
    (False, frozenset({"OpenCLIP"})): "sd21",
    (True, frozenset({"SDXL's CLIP", "SDXL's OpenCLIP"})): "sdxl",
}


def _encoders(shapes: Mapping[str, tuple[int, ...]]) -> set[str]:
    return {encoder for key, encoder in _ENCODERS.items() if key in shapes}


def _other(shapes: Mapping[str, tuple[int, ...]]) -> str:
    for pattern, kind in _OTHERS.items():
        if any(re.search(pattern, key) for key in shapes):
            return kind
    return "no checkpoint that is known here"


def scheduler_of(scheduler: Mapping[str, Any], found: Header) -> dict[str, Any]:
    """A family's scheduler, with what a file says of its own training.

    Trainers mark velocity and zero terminal SNR by empty tensors of these names, or say the
    prediction in the metadata (the modelspec standard of Stability AI).
    """
    said = {"epsilon": "epsilon", "v": "v_prediction"}.get(
        found.metadata.get("modelspec.prediction_type", "")
    )
    if "v_pred" in found.shapes:
        said = "v_prediction"
    changed = {**scheduler, "prediction_type": said} if said else dict(scheduler)
    if "ztsnr" in found.shapes:
        changed |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return changed


def side_of(found: Header) -> int | None:
    """Pixels a side that the metadata says it was trained at; None where it says nothing."""
    said = re.fullmatch(r"(\d+)x\1", found.metadata.get("modelspec.resolution", ""))
    return int(said[1]) if said else None
