"""muralist as a custom pipeline of diffusers: loaded and called as any other.

python examples/custom_pipeline.py "a lighthouse at dusk" --size 4096 4096
"""

import argparse

import torch
from diffusers import DiffusionPipeline

from muralist import pipelines

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("prompt", nargs="?", default="a lighthouse at dusk")
parser.add_argument("--model", default="stabilityai/stable-diffusion-xl-base-1.0")
parser.add_argument("--size", type=int, nargs=2, default=(4096, 4096), help="width and height")
parser.add_argument("--steps", type=int, default=50)
parser.add_argument("--out", default="custom_pipeline.png")
asked = parser.parse_args()

cuda = torch.cuda.is_available()
pipe = DiffusionPipeline.from_pretrained(
    asked.model,
    custom_pipeline=pipelines.SDXL,
    trust_remote_code=True,
    dtype=torch.float16 if cuda else torch.float32,
).to("cuda" if cuda else "cpu")

width, height = asked.size
image = pipe(
    asked.prompt,
    width=width,
    height=height,
    num_inference_steps=asked.steps,
    method="demofusion",
    generator=torch.Generator().manual_seed(7),
).images[0]
image.save(asked.out)
