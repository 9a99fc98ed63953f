"""Retrains `shapes`: `python -m training.shapes [--work DIR]`; started again, it goes on."""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from training.shapes import data, unet, vae
from training.shapes.export import export, new_pipeline
from training.shapes.log import Log

WEIGHTS = Path(__file__).parents[2] / "src" / "muralist" / "shapes" / "weights"
SHARDS = 84
SEED = 0


def main() -> None:
    """Runs the phases that are not finished: autoencoder, examples, denoiser, export."""
    parser = argparse.ArgumentParser(prog="training.shapes", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("out/shapes"), help="for all state")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where the model is written")
    parser.add_argument("--steps", type=int, default=unet.PLAN.steps, help="of the denoiser")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--export", action="store_true", help="only write what is there already")
    options = parser.parse_args()
    work = options.work
    work.mkdir(parents=True, exist_ok=True)
    autoencoder = _autoencoder(work, options.device)
    if not options.export:
        _examples(work)
        plan = replace(unet.PLAN, steps=options.steps).on(options.device)
        unet.train_denoiser(work / "unet", work / "examples", Log(work / "unet.log"), plan)
    models, step = unet.trained(work / "unet")
    size = export(new_pipeline(autoencoder, models), options.weights)
    Log(work / "export.log")(f"step {step}, {size / 1e6:.1f} MB")


def _autoencoder(work: Path, device: str) -> AutoencoderKL:
    folder, log = work / "autoencoder", Log(work / "vae.log")
    if not folder.exists():
        model = vae.train_autoencoder(work / "vae", log, vae.PLAN.on(device))
        log(f"finished: {vae.fidelity(model):.2f} dB")
        model.save_pretrained(work / "autoencoder.part")
        (work / "autoencoder.part").rename(folder)
    return AutoencoderKL.from_pretrained(folder).eval().requires_grad_(False)


def _examples(work: Path) -> None:
    Log(work / "examples.log")(f"encoding what is missing of {SHARDS} shards")
    data.encode(work / "autoencoder", work / "examples", SHARDS, SEED)


if __name__ == "__main__":
    main()
