"""A few steps: a scheduler on the pipeline, and a LoRA that was distilled for it.

python examples/few_steps.py --lora latent-consistency/lcm-lora-sdxl --steps 4
"""

import argparse

import torch
from diffusers import DiffusionPipeline, LCMScheduler

import muralist

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("prompt", nargs="?", default="a lighthouse at dusk")
parser.add_argument("--model", default="stabilityai/stable-diffusion-xl-base-1.0")
parser.add_argument("--lora", help="latent-consistency/lcm-lora-sdxl, say")
parser.add_argument("--size", type=int, nargs=2, default=(4096, 4096), help="width and height")
parser.add_argument("--steps", type=int, default=4)
parser.add_argument("--out", default="few_steps.png")
asked = parser.parse_args()

width, height = asked.size
cuda = torch.cuda.is_available()
pipe = DiffusionPipeline.from_pretrained(
    asked.model, dtype=torch.float16 if cuda else torch.float32, use_safetensors=True
).to("cuda" if cuda else "cpu")
pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
if asked.lora:
    pipe.load_lora_weights(asked.lora)
picture = muralist.paint(
    muralist.wrap(pipe),
    asked.prompt,
    width=width,
    height=height,
    num_inference_steps=asked.steps,
    guidance_scale=1.0,  # it leads by itself
    seed=7,
)
print(picture.save(asked.out))
