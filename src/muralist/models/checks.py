"""Whether what is added to a model was made for it: by headers and configs, without weights."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from muralist.errors import UnsupportedModel
from muralist.models.architectures import Configs
from muralist.models.checkpoint import Checkpoint, IPAdapter
from muralist.models.control import POOLED
from muralist.models.files import Header, config_of, file_of, header, local, source_named

__all__ = ["check_additions", "image_encoder_of", "tokens_of", "vae_source"]


def check_additions(checkpoint: Checkpoint, base: Configs) -> None:
    """Raises `ModelNotFound` for what is not there, `UnsupportedModel` for another base's."""
    for name in checkpoint.controlnet:
        _check_controlnet(name, config_of(name, "ControlNet"), base)
    for lora in checkpoint.lora:
        _check_lora(lora.file, header(file_of(lora.file, "LoRA")), base)
    for adapter in checkpoint.ip_adapter:
        _check_ip_adapter(adapter, header(file_of(adapter.file, "IP-Adapter")), base)
    encoders = {each for each in map(image_encoder_of, checkpoint.ip_adapter) if each}
    if len(encoders) > 1:
        raise UnsupportedModel(
            f"the IP-Adapters have image encoders of their own ({', '.join(sorted(encoders))}); a"
            " pipeline has one for all of them"
        )
    for file in checkpoint.textual_inversion:
        tokens_of(file, base)
    if checkpoint.vae is not None:
        _check_vae(checkpoint.vae, base)


def _check_controlnet(name: str, config: Mapping[str, Any], base: Configs) -> None:
    kind = config.get("_class_name")
    if kind != "ControlNetModel":
        raise UnsupportedModel(f"{name!r} is a {kind}; a ControlNetModel is needed")
    if config.get("global_pool_conditions"):
        raise UnsupportedModel(f"{name!r}: {POOLED}")
    _check_width(
        f"the ControlNet {name!r}", config.get("cross_attention_dim", 1280), _read_by(base)
    )
    theirs, ours = (
        tuple(each.get("block_out_channels", (320, 640, 1280, 1280)))
        for each in (config, base["unet"])
    )
    if theirs != ours:
        raise UnsupportedModel(
            f"the ControlNet {name!r} was made for another base: its blocks are {theirs} wide,"
            f" the model's {ours}"
        )
    shrinks, factor = (
        2 ** (len(each.get(key, (16, 32, 96, 256))) - 1)
        for each, key in (
            (config, "conditioning_embedding_out_channels"),
            (base["vae"], "block_out_channels"),
        )
    )
    if shrinks != factor:
        raise UnsupportedModel(
            f"the ControlNet {name!r} was made for another base: it takes {shrinks} pixels for a"
            f" latent cell, and the model {factor}"
        )


def _check_lora(name: str, found: Header, base: Configs) -> None:
    """By the widths of the text that its layers read, of the UNet's and of the text encoders'."""
    if any(re.search(r"hada_w|lokr_w|\.on_input", key) for key in found.shapes):
        raise UnsupportedModel(f"{name!r} is a LyCORIS file (LoHa or LoKr); only LoRAs are applied")
    if not any(_DOWN.search(key) for key in found.shapes):
        raise UnsupportedModel(f"{name!r} is no LoRA: it holds no layers of two factors")
    if not any(_OURS.search(key) for key in found.shapes):
        raise UnsupportedModel(f"the LoRA {name!r} was made for another kind of model, Flux say")
    for pattern, part, width in (
        (r"attn2[._](processor\.)?to_[kv]", "network", _read_by(base)),
        (r"^(lora_te1?_|text_encoder\.).*_proj", "text_encoder", _hidden(base, "text_encoder")),
        (r"^(lora_te2_|text_encoder_2\.).*_proj", "text_encoder_2", _hidden(base, _SECOND)),
    ):
        for read_by in _widths(found, pattern):
            if width is None:
                raise UnsupportedModel(
                    f"the LoRA {name!r} was made for another base: it changes a {part}, which the"
                    " model has not"
                )
            _check_width(f"the LoRA {name!r} of the {part}", read_by, width)


_SECOND = "text_encoder_2"
_OURS = re.compile(r"(down|up|mid|input|output|middle)_blocks?[._]|^lora_te|^text_encoder")
_DOWN = re.compile(r"(lora_down|lora_A|lora\.down|lora_linear_layer\.down|_lora\.down)(\.\w+)*$")


def _widths(found: Header, pattern: str) -> set[int]:
    """Of what the first factors read."""
    shapes = found.shapes.items()
    keyed = ((key, shape) for key, shape in shapes if len(shape) > 1 and _DOWN.search(key))
    return {shape[1] for key, shape in keyed if re.search(pattern, key)}


def _check_ip_adapter(adapter: IPAdapter, found: Header, base: Configs) -> None:
    name = f"the IP-Adapter {adapter.file!r}"
    read_by = {shape[1] for key, shape in found.shapes.items() if key.endswith("to_k_ip.weight")}
    if not read_by or not any(key.startswith("image_proj.") for key in found.shapes):
        raise UnsupportedModel(
            f"{adapter.file!r} is no IP-Adapter: image_proj or to_k_ip is missing"
        )
    if "image_proj.proj.0.weight" in found.shapes and "image_proj.norm.weight" in found.shapes:
        reads = found.shapes["image_proj.proj.0.weight"][1]
        if reads == 512:
            raise UnsupportedModel(
                f"{name} reads the embedding of a face (FaceID), which no image encoder here makes"
            )
    for width in read_by:
        _check_width(name, width, _read_by(base))
    folder = image_encoder_of(adapter)
    if folder is not None:
        config = config_of(folder, "image encoder")
        _check_image_encoder(name, folder, config, found)


def _check_image_encoder(name: str, folder: str, config: Mapping[str, Any], found: Header) -> None:
    plain = found.shapes.get("image_proj.proj.weight")
    layers = found.shapes.get("image_proj.proj_in.weight")  # of the plus kind, before projection
    reads = plain or layers
    part = "projection_dim" if plain else "hidden_size"
    if reads is not None and part in config and config[part] != reads[1]:
        raise UnsupportedModel(
            f"{name} reads images {reads[1]} wide; the image encoder {folder!r} makes"
            f" {config[part]}: another one is needed"
        )


def image_encoder_of(adapter: IPAdapter) -> str | None:
    """The folder of its image encoder: as given, else `image_encoder` beside the file."""
    if adapter.image_encoder is not None:
        return adapter.image_encoder
    beside = file_of(adapter.file, "IP-Adapter").parent / "image_encoder"
    return str(beside) if beside.is_dir() else None


def tokens_of(file: str, base: Configs) -> dict[str, tuple[str, str]]:
    """The embeddings of a textual inversion by text encoder: the key in the file, and the token.

    A file that does not say the token (`emb_params`, and `clip_l` with `clip_g` of SDXL) is called
    by its name. Raises `UnsupportedModel` where an embedding is not as wide as its text encoder.
    """
    path = file_of(file, "textual inversion")
    shapes, named = header(path).shapes, path.stem
    keys = set(shapes)
    if keys == {"clip_l", "clip_g"}:
        said = {"text_encoder": ("clip_l", named), _SECOND: ("clip_g", named)}
    elif len(keys) == 1:
        (key,) = keys
        said = {"text_encoder": (key, named if key == "emb_params" else key)}
    else:
        raise UnsupportedModel(
            f"{file!r} is no textual inversion: one embedding, or clip_l and clip_g are needed"
        )
    for encoder, (key, _) in said.items():
        width = _hidden(base, encoder)
        if width is None or (_hidden(base, _SECOND) is not None and len(said) == 1):
            raise UnsupportedModel(
                f"the textual inversion {file!r} has {len(said)} embedding(s); the model has"
                f" {1 if _hidden(base, _SECOND) is None else 2} text encoder(s)"
            )
        _check_width(f"the textual inversion {file!r}", shapes[key][-1], width)
    return said


def _check_vae(name: str, base: Configs) -> None:
    path, channels = local(name), base["vae"].get("latent_channels", 4)
    if path is not None and path.is_file():
        shapes = header(path).shapes
        first = [shape for key, shape in shapes.items() if key.endswith("decoder.conv_in.weight")]
        if not first:
            raise UnsupportedModel(f"{name!r} is no autoencoder: decoder.conv_in is missing")
        theirs = first[0][1]
    else:
        theirs = config_of(str(vae_source(name)), "autoencoder").get("latent_channels", 4)
    if theirs != channels:
        raise UnsupportedModel(
            f"the autoencoder {name!r} was made for another base: its latents have {theirs}"
            f" channels, the model's {channels}"
        )


def vae_source(name: str) -> Path | str:
    """The folder that holds an autoencoder: itself, or `vae` in a whole model's."""
    source = source_named(name, "autoencoder")
    if isinstance(source, str) or (source / "config.json").is_file():
        return source
    return source / "vae"


def _read_by(base: Configs) -> int:
    return base["unet"].get("cross_attention_dim", 1280)


def _hidden(base: Configs, encoder: str) -> int | None:
    return base[encoder].get("hidden_size", 512) if encoder in base else None


_BASES = "768 in Stable Diffusion 1, 1024 in 2, 2048 in XL, whose encoders make 768 and 1280"


def _check_width(what: str, theirs: int, ours: int | None) -> None:
    if theirs != ours:
        raise UnsupportedModel(
            f"{what} was made for another base: it is for text {theirs} wide, the model's is {ours}"
            f" ({_BASES})"
        )
