"""What networks the named checkpoints are made of: what of their configs sizes follow from.

Where a config says nothing, the classes' defaults hold, as they do when it is loaded.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["ARCHITECTURES", "Configs"]

Configs = Mapping[str, Mapping[str, Any]]  # of each network of a pipeline, by its name

_VAE = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
}
_CLIP_L = {
    "_class_name": "CLIPTextModel",
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
_CLIP_G = {
    "_class_name": "CLIPTextModelWithProjection",
    "vocab_size": 49408,
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "projection_dim": 1280,
}
_CLIP_H = {
    "_class_name": "CLIPTextModel",
    "vocab_size": 49408,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 23,
    "num_attention_heads": 16,
}

ARCHITECTURES: Mapping[str, Configs] = {
    "sdxl": {
        "unet": {
            "sample_size": 128,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "block_out_channels": (320, 640, 1280),
            "transformer_layers_per_block": (1, 2, 10),
            "attention_head_dim": (5, 10, 20),
            "cross_attention_dim": 2048,
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
        "vae": _VAE,
        "text_encoder": _CLIP_L,
        "text_encoder_2": _CLIP_G,
    },
    "sd15": {
        "unet": {"sample_size": 64, "cross_attention_dim": 768},
        "vae": _VAE,
        "text_encoder": _CLIP_L,
    },
    "sd21": {
        "unet": {
            "sample_size": 96,
            "cross_attention_dim": 1024,
            "attention_head_dim": (5, 10, 20, 20),
            "use_linear_projection": True,
        },
        "vae": _VAE,
        "text_encoder": _CLIP_H,
    },
}
