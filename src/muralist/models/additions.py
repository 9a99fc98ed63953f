"""What is added to a pipeline: ControlNets, another autoencoder, IP-Adapters, LoRAs, words."""

import json
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from muralist.errors import UnsupportedModel
from muralist.models.architectures import Configs
from muralist.models.checkpoint import Checkpoint
from muralist.models.checks import image_encoder_of, tokens_of, vae_source
from muralist.models.files import file_of, folder_of, local

__all__ = ["add", "components"]

_WEIGHTS = ("*.json", "*.safetensors")


def components(wanted: Checkpoint, base: Configs, dtype: torch.dtype) -> dict[str, Any]:
    """Networks that a pipeline is made with: ControlNets and an autoencoder, where they are set."""
    made: dict[str, Any] = {}
    if wanted.vae is not None:
        made["vae"] = _vae(wanted.vae, base, dtype)
    if wanted.controlnet:
        made["controlnet"] = [_controlnet(name, dtype) for name in wanted.controlnet]
    return made


def add(pipe: Any, wanted: Checkpoint, base: Configs) -> None:
    """Puts IP-Adapters, LoRAs and the words of textual inversion into a pipeline."""
    if wanted.ip_adapter:
        _add_ip_adapters(pipe, wanted)
    if wanted.lora:
        _add_loras(pipe, wanted)
    for file in wanted.textual_inversion:
        _add_words(pipe, file, base)


def _controlnet(name: str, dtype: torch.dtype) -> Any:
    from diffusers.models.controlnets.controlnet import ControlNetModel

    folder = folder_of(name, "ControlNet", _WEIGHTS)
    return ControlNetModel.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, variant=_only_variant(folder)
    )


def _vae(name: str, base: Configs, dtype: torch.dtype) -> Any:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    path = local(name)
    if path is None or path.is_dir():
        folder = folder_of(str(vae_source(name)), "autoencoder", _WEIGHTS)
        return AutoencoderKL.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, variant=_only_variant(folder)
        )
    with TemporaryDirectory() as folder:  # a file says nothing of scales: those of the base hold
        config = {**base["vae"], "_class_name": "AutoencoderKL"}
        (Path(folder) / "config.json").write_text(json.dumps(config))
        return AutoencoderKL.from_single_file(str(path), config=folder, dtype=dtype)


def _only_variant(folder: Path) -> str | None:
    """The variant of a network that has no plain weights."""
    files = [file.name.split(".") for file in folder.glob("*.safetensors")]
    variants = {parts[1] for parts in files if len(parts) == 3}
    return (
        variants.pop() if len(variants) == 1 and all(len(parts) == 3 for parts in files) else None
    )


def _add_ip_adapters(pipe: Any, wanted: Checkpoint) -> None:
    files = [file_of(each.file, "IP-Adapter") for each in wanted.ip_adapter]
    encoders = {encoder for each in wanted.ip_adapter if (encoder := image_encoder_of(each))}
    if len(encoders) > 1:
        raise UnsupportedModel(
            f"the IP-Adapters have image encoders of their own ({', '.join(sorted(encoders))}); a"
            " pipeline has one for all of them"
        )
    for name in encoders:
        pipe.register_modules(image_encoder=_image_encoder(name, pipe.dtype))
    pipe.load_ip_adapter(
        [str(file.parent) for file in files],
        subfolder="",
        weight_name=[file.name for file in files],
        image_encoder_folder=None,
        local_files_only=True,
    )
    pipe.set_ip_adapter_scale([each.scale for each in wanted.ip_adapter])


def _image_encoder(name: str, dtype: torch.dtype) -> Any:
    from transformers import CLIPVisionModelWithProjection

    folder = folder_of(name, "image encoder", _WEIGHTS)
    return CLIPVisionModelWithProjection.from_pretrained(folder, dtype=dtype, use_safetensors=True)


def _add_loras(pipe: Any, wanted: Checkpoint) -> None:
    names = [f"lora_{number}" for number in range(1, len(wanted.lora) + 1)]
    for name, lora in zip(names, wanted.lora, strict=True):
        file = file_of(lora.file, "LoRA")
        with warnings.catch_warnings():  # several are meant
            warnings.filterwarnings("ignore", "Already found a `peft_config` attribute")
            pipe.load_lora_weights(
                str(file.parent), weight_name=file.name, adapter_name=name, local_files_only=True
            )
        if not any(name in adapters for adapters in pipe.get_list_adapters().values()):
            raise UnsupportedModel(f"the LoRA {lora.file!r} changes no layer of the model")
    pipe.set_adapters(names, [lora.weight for lora in wanted.lora])


def _add_words(pipe: Any, file: str, base: Configs) -> None:
    from safetensors.torch import load_file

    tensors = load_file(file_of(file, "textual inversion"))
    for encoder, (key, token) in tokens_of(file, base).items():
        pipe.load_textual_inversion(
            {token: tensors[key]},
            tokenizer=getattr(pipe, encoder.replace("text_encoder", "tokenizer")),
            text_encoder=getattr(pipe, encoder),
        )
