"""Tiny models that see, of random weights, in folders as the published ones are."""

import json
from pathlib import Path

import torch
from transformers import Dinov2Config, Dinov2Model

__all__ = ["DEVIATION", "MEAN", "dinov2", "save_dinov2", "save_owlvit"]

MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


_WORDS = Path(__file__).parent.parent / "data" / "tiny-sdxl" / "tokenizer"


def dinov2() -> Dinov2Model:
    """A DINOv2 of two thin layers."""
    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14
    )
    return Dinov2Model(config).eval().requires_grad_(False)


def save_dinov2(folder: Path) -> Path:
    """Its folder."""
    dinov2().save_pretrained(folder)
    settings = {"image_mean": MEAN, "image_std": DEVIATION, "image_processor_type": "Bit"}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def save_owlvit(folder: Path) -> Path:
    """The folder of an OWL-ViT of one layer, which sees pictures of 32 pixels in 16 patches."""
    from transformers import (
        CLIPTokenizer,
        OwlViTConfig,
        OwlViTForObjectDetection,
        OwlViTProcessor,
    )
    from transformers.models.owlvit.image_processing_pil_owlvit import OwlViTImageProcessorPil

    torch.manual_seed(0)
    words = CLIPTokenizer.from_pretrained(_WORDS, model_max_length=16)
    small = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    ends = {"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id}
    text = {"vocab_size": len(words), "max_position_embeddings": 16, "pad_token_id": 0, **ends}
    vision = {"image_size": 32, "patch_size": 8, **small}
    config = OwlViTConfig(text_config={**text, **small}, vision_config=vision, projection_dim=16)
    OwlViTForObjectDetection(config).save_pretrained(folder)
    looks = OwlViTImageProcessorPil(size={"height": 32, "width": 32})
    OwlViTProcessor(image_processor=looks, tokenizer=words).save_pretrained(folder)
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (folder / name).is_file():  # the published folders name the class without `Pil`
            said = (folder / name).read_text()
            (folder / name).write_text(said.replace("ProcessorPil", "Processor"))
    return folder
