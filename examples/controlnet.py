"""Edges of a picture hold the new one, at any size.

python examples/controlnet.py --image photo.jpg --size 6144 4096
"""

import argparse

from PIL import Image

import muralist
from muralist.conditions import canny
from muralist.photo import photo

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("prompt", nargs="?", default="a lighthouse at dusk")
parser.add_argument("--model", default="stabilityai/stable-diffusion-xl-base-1.0")
parser.add_argument("--controlnet", default="diffusers/controlnet-canny-sdxl-1.0")
parser.add_argument("--image", default="photo.jpg", help="whose edges are kept; of the same ratio")
parser.add_argument("--size", type=int, nargs=2, default=(4096, 4096), help="width and height")
parser.add_argument("--steps", type=int, default=50)
parser.add_argument("--out", default="controlnet.png")
asked = parser.parse_args()

width, height = asked.size
model = muralist.load(asked.model, controlnet=asked.controlnet)
edges = Image.fromarray(canny(photo(asked.image).pixels, sigma=0.6))
picture = muralist.paint(
    model,
    asked.prompt,
    control_image=edges,
    controlnet_conditioning_scale=0.6,
    control_guidance_end=0.8,
    width=width,
    height=height,
    num_inference_steps=asked.steps,
    seed=7,
)
print(picture.save(asked.out))
