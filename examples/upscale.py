"""A photo, painted larger: any size and ratio, with or without a prompt.

python examples/upscale.py photo.jpg --prompt "a lighthouse at dusk" --scale 4
"""

import argparse

import muralist

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("image", nargs="?", default="photo.jpg")
parser.add_argument("--prompt", default="")
parser.add_argument("--model", default="stabilityai/stable-diffusion-xl-base-1.0")
parser.add_argument("--scale", type=float, default=4.0)
parser.add_argument("--strength", type=float, default=0.5, help="how far from the photo, up to 1")
parser.add_argument("--steps", type=int, default=50)
parser.add_argument("--out", default="upscale.png")
asked = parser.parse_args()

picture = muralist.paint(
    asked.model,
    asked.prompt,
    image=asked.image,
    scale=asked.scale,
    strength=asked.strength,
    method="demofusion",
    num_inference_steps=asked.steps,
    seed=7,
)
print(picture.save(asked.out))
