"""Tiny checkpoints and what is added to them, as files: random weights in published layouts."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

DATA = Path(__file__).parent / "data"

Tensors = dict[str, Tensor]


# --- folders -----------------------------------------------------------------------------------


# What `folder` is to change of tiny-sdxl for a single file: the width of the second text encoder,
# so that the two can be told apart, as they can be in SDXL.
SDXL = {
    "text_encoder_2": {"hidden_size": 48, "projection_dim": 48},
    "unet": {"cross_attention_dim": 80, "projection_class_embeddings_input_dim": 96},
}


def folder(at: Path, base: str, changed: Mapping[str, Mapping], seed: int = 0) -> Path:
    """A copy of a tiny model in diffusers format, some configs changed, with weights of its own."""
    from muralist.models.weightless import made

    shutil.copytree(DATA / base, at)
    generator = torch.Generator().manual_seed(seed)
    parts = json.loads((at / "model_index.json").read_text())
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        if part not in parts:
            continue
        file = at / part / "config.json"
        config = {**json.loads(file.read_text()), **changed.get(part, {})}
        file.write_text(json.dumps(config))
        network = made(part, {**config, "_class_name": parts[part][1]})
        with torch.no_grad():
            for weight in network.parameters():
                if weight.ndim > 1:
                    weight.normal_(0, weight[0].numel() ** -0.5, generator=generator)
        network.save_pretrained(at / part)
    return at


def configs_only(at: Path, source: Path) -> Path:
    """A folder's configs and tokenizers, without its weights."""
    return Path(
        shutil.copytree(source, at, ignore=shutil.ignore_patterns("*.safetensors", "*.bin"))
    )


def weights(source: Path, part: str) -> Tensors:
    from safetensors.torch import load_file

    (file,) = (source / part).glob("*.safetensors")
    return load_file(file)


# --- single files ------------------------------------------------------------------------------


def original(source: Path, family: str) -> Tensors:
    """A diffusers folder in the layout that Stable Diffusion was published in."""
    network = json.loads((source / "unet" / "config.json").read_text())
    found = prefixed("model.diffusion_model.", unet(weights(source, "unet"), network))
    found |= prefixed("first_stage_model.", vae(weights(source, "vae")))
    first = weights(source, "text_encoder")
    if family == "sd15":
        found |= prefixed("cond_stage_model.transformer.text_model.", first)
    if family == "sd21":
        found |= prefixed("cond_stage_model.model.", open_clip(first))
    if family == "sdxl":
        second = weights(source, "text_encoder_2")
        found |= prefixed("conditioner.embedders.0.transformer.text_model.", first)
        found |= prefixed("conditioner.embedders.1.model.", open_clip(second))
    return found


def prefixed(prefix: str, tensors: Tensors) -> Tensors:
    return {prefix + key: value.contiguous() for key, value in tensors.items()}


_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTSIDE = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def unet(tensors: Tensors, config: Mapping) -> Tensors:
    """A UNet: blocks of one list, whose entries are a resnet, what attends, and what resizes."""
    layers, levels = config["layers_per_block"], len(config["block_out_channels"])

    def renamed(key: str) -> str:
        for theirs, ours in _OUTSIDE.items():
            if key.startswith(f"{theirs}."):
                return key.replace(theirs, ours)
        way, block, kind, number, rest = re.fullmatch(
            r"(down|mid|up)_blocks?(?:\.(\d+))?\.(\w+?)\.(\d+)\.(.+)", key
        ).groups()
        number = int(number)
        if kind == "resnets":
            part, _, last = rest.rpartition(".")
            rest = f"{_RESNET[part]}.{last}"
        if way == "mid":
            return f"middle_block.{1 if kind == 'attentions' else 2 * number}.{rest}"
        if way == "down":
            at = 1 + int(block) * (layers + 1) + (layers if kind == "downsamplers" else number)
            rest = rest.replace("conv.", "op.") if kind == "downsamplers" else rest
            return f"input_blocks.{at}.{int(kind == 'attentions')}.{rest}"
        at = int(block) * (layers + 1) + (layers if kind == "upsamplers" else number)
        attends = any(each.startswith(f"up_blocks.{block}.attentions.") for each in tensors)
        place = {"resnets": 0, "attentions": 1, "upsamplers": 1 + attends}[kind]
        return f"output_blocks.{at}.{place}.{rest}"

    assert levels > 1
    return {renamed(key): value for key, value in tensors.items()}


_VAE = {
    r"mid_block\.resnets\.0": "mid.block_1",
    r"mid_block\.resnets\.1": "mid.block_2",
    r"mid_block\.attentions\.0\.group_norm": "mid.attn_1.norm",
    r"mid_block\.attentions\.0\.to_out\.0": "mid.attn_1.proj_out",
    r"mid_block\.attentions\.0\.to_": "mid.attn_1.",
    r"down_blocks\.(\d)\.resnets": r"down.\1.block",
    r"down_blocks\.(\d)\.downsamplers\.0": r"down.\1.downsample",
    r"up_blocks\.(\d)\.resnets": r"up.\1.block",
    r"up_blocks\.(\d)\.upsamplers\.0": r"up.\1.upsample",
    "conv_norm_out": "norm_out",
    "conv_shortcut": "nin_shortcut",
}


def vae(tensors: Tensors) -> Tensors:
    """An autoencoder: attention by convolutions, and the way up counted from its end."""
    last = max(int(found[1]) for key in tensors if (found := re.search(r"up_blocks\.(\d)", key)))

    def renamed(key: str) -> str:
        for theirs, ours in _VAE.items():
            key = re.sub(theirs, ours, key)
        return re.sub(r"\bup\.(\d)", lambda found: f"up.{last - int(found[1])}", key)

    return {
        renamed(key): value[..., None, None] if ".attentions." in key and value.ndim == 2 else value
        for key, value in tensors.items()
    }


_OPEN_CLIP = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm": "ln_final",
    "encoder.layers": "transformer.resblocks",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def open_clip(tensors: Tensors) -> Tensors:
    """A text encoder as OpenCLIP has it: queries, keys and values in one matrix."""
    tensors = {key.removeprefix("text_model."): value for key, value in tensors.items()}
    found = {}
    for key, value in tensors.items():
        if key == "text_projection.weight":
            found["text_projection"] = value.T
        elif ".q_proj." in key:
            three = [tensors[key.replace(".q_proj.", f".{each}_proj.")] for each in "qkv"]
            place = re.sub(r"encoder\.layers\.(\d+).*", r"transformer.resblocks.\1.attn.", key)
            found[f"{place}in_proj_{key.rpartition('.')[2]}"] = torch.cat(three)
        elif not re.search(r"\.[kv]_proj\.", key):
            for theirs, ours in _OPEN_CLIP.items():
                key = key.replace(theirs, ours)
            found[key] = value
    return found


def saved(at: Path, tensors: Tensors, metadata: dict[str, str] | None = None) -> str:
    at.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in tensors.items()}, at, metadata)
    return str(at)


# --- what is added -----------------------------------------------------------------------------


def lora(at: Path, pipe, kohya: bool = False, seed: int = 1) -> str:
    """Random factors for what reads text in the UNet and in the first text encoder."""
    generator, found = torch.Generator().manual_seed(seed), {}
    for part, short in (("unet", "unet"), ("text_encoder", "te1" if _two(pipe) else "te")):
        for name, layer in getattr(pipe, part).named_modules():
            if not re.search(r"attn2\.to_([qkv]|out\.0)$|self_attn\.([qkv]|out)_proj$", name):
                continue
            if part != "unet" and not name.startswith("text_model."):
                name = f"text_model.{name}"  # as all files have it that there are
            down = torch.randn(2, layer.in_features, generator=generator)
            up = torch.randn(layer.out_features, 2, generator=generator) / 4
            if kohya:
                key = f"lora_{short}_{name.replace('.', '_')}"
                found |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up}
                found[f"{key}.alpha"] = torch.tensor(2.0)  # as much as the rank: no rescaling
            else:
                key = f"{part}.{name}"
                found |= {f"{key}.lora_A.weight": down, f"{key}.lora_B.weight": up}
    return saved(at, found)


def _two(pipe) -> bool:
    return getattr(pipe, "text_encoder_2", None) is not None


def controlnet(at: Path, pipe, seed: int = 1, **changed) -> Path:
    """A ControlNet of a UNet's architecture, whose last layers are not zero."""
    from diffusers import ControlNetModel

    net = ControlNetModel.from_unet(pipe.unet, conditioning_embedding_out_channels=(8,) * 4)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in net.parameters():
            weight.normal_(0, 0.1, generator=generator)
    net.save_pretrained(at)
    config = {**json.loads((at / "config.json").read_text()), **changed}
    (at / "config.json").write_text(json.dumps(config))
    return at


def ip_adapter(at: Path, pipe, width: int | None = None, seed: int = 1) -> str:
    """An IP-Adapter of four tokens, and an image encoder beside it."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    encoder = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        projection_dim=24,
        image_size=32,
        patch_size=16,
    )
    torch.manual_seed(seed)
    CLIPVisionModelWithProjection(encoder).save_pretrained(at / "image_encoder")
    width = width or pipe.unet.config.cross_attention_dim
    found = {
        "image_proj.proj.weight": torch.randn(4 * width, 24),
        "image_proj.proj.bias": torch.randn(4 * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    layers = [name for name in pipe.unet.attn_processors if "attn2" in name]
    ordered = sorted(layers, key=lambda name: ("down", "up", "mid").index(name.split("_")[0]))
    for number, name in enumerate(ordered):
        out = pipe.unet.get_submodule(name.removesuffix(".processor")).to_k.out_features
        for each in "kv":
            key = f"ip_adapter.{2 * number + 1}.to_{each}_ip.weight"
            found[key] = torch.randn(out, width) / width**0.5
    return saved(at / "ip-adapter.safetensors", found)
