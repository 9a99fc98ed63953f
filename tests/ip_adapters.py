"""IP-Adapters with random weights, loaded by diffusers into the small pipelines of the tests."""

from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

Kind = Literal["embeds", "hidden"]

IMAGE_WIDTH = 32  # of the image encoder, before and after its projection
_TOKENS = 4  # that an image becomes for the UNet


def adapted(folder: Path, *kinds: Kind, device: torch.device) -> Any:
    """A pipeline with an IP-Adapter of each kind, and an image encoder.

    `embeds` looks at an image's one embedding, as the first published; `hidden` at all of the
    encoder's hidden states, as those called full and plus do.
    """
    from diffusers import DiffusionPipeline
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    pipe = DiffusionPipeline.from_pretrained(folder, local_files_only=True).to(device)
    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=IMAGE_WIDTH,
        intermediate_size=64,
        projection_dim=IMAGE_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
    )
    pipe.register_modules(image_encoder=CLIPVisionModelWithProjection(config).eval().to(device))
    states = [_state(pipe.unet, kind) for kind in kinds]
    count = len(states)
    pipe.load_ip_adapter(states, subfolder=[""] * count, weight_name=[""] * count)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _state(unet: Any, kind: Kind) -> dict[str, dict[str, Tensor]]:
    width = unet.config.cross_attention_dim
    layers = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    weights: dict[str, Tensor] = {}
    for number, name in enumerate(layers):
        rows = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape[0]
        for part in ("to_k_ip", "to_v_ip"):
            weights[f"{2 * number + 1}.{part}.weight"] = torch.randn(rows, width) / width**0.5
    return {"image_proj": _projection(kind, width), "ip_adapter": weights}


def _projection(kind: Kind, width: int) -> dict[str, Tensor]:
    if kind == "embeds":
        rows = _TOKENS * width
        return {
            "proj.weight": torch.randn(rows, IMAGE_WIDTH) / IMAGE_WIDTH**0.5,
            "proj.bias": torch.zeros(rows),
            "norm.weight": torch.ones(width),
            "norm.bias": torch.zeros(width),
        }
    return {
        "proj.0.weight": torch.randn(IMAGE_WIDTH, IMAGE_WIDTH) / IMAGE_WIDTH**0.5,
        "proj.0.bias": torch.zeros(IMAGE_WIDTH),
        "proj.2.weight": torch.randn(width, IMAGE_WIDTH) / IMAGE_WIDTH**0.5,
        "proj.2.bias": torch.zeros(width),
        "proj.3.weight": torch.ones(width),
        "proj.3.bias": torch.zeros(width),
    }
