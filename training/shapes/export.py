"""The folder that is shipped: a Stable Diffusion XL pipeline in half precision."""

import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline
from torch import nn

from training.shapes.tokenizer import new_tokenizer
from training.shapes.unet import SCHEDULE

CARD = Path(__file__).with_name("card.md")


def new_pipeline(vae: AutoencoderKL, models: nn.ModuleDict) -> StableDiffusionXLPipeline:
    """The trained parts as diffusers' own pipeline."""
    scheduler = EulerDiscreteScheduler(
        **SCHEDULE,
        timestep_spacing="leading",
        steps_offset=1,
        interpolation_type="linear",
    )
    return StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=models["text_encoder"],
        text_encoder_2=models["text_encoder_2"],
        tokenizer=new_tokenizer(),
        tokenizer_2=new_tokenizer(),
        unet=models["unet"],
        scheduler=scheduler,
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )


def export(pipe: StableDiffusionXLPipeline, folder: Path) -> int:
    """Writes the pipeline to `folder`, replacing what is there at once; returns its bytes."""
    fresh, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    for path in (fresh, old):
        shutil.rmtree(path, ignore_errors=True)
    pipe.to(torch.float16).save_pretrained(fresh)
    shutil.copyfile(CARD, fresh / "README.md")
    for path in fresh.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
        if path.suffix == ".json":
            _forget_origin(path)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _forget_origin(path: Path) -> None:
    """Removes the path of this machine that a saved configuration may hold."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(settings, dict) and settings.pop("_name_or_path", None) is not None:
        path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
