"""Like a picture: an IP-Adapter beside the prompt.

python examples/ip_adapter.py --image like.png
"""

import argparse

import muralist

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("prompt", nargs="?", default="a lighthouse at dusk")
parser.add_argument("--model", default="stabilityai/stable-diffusion-xl-base-1.0")
parser.add_argument(
    "--ip-adapter", default="h94/IP-Adapter/sdxl_models/ip-adapter_sdxl.safetensors"
)
parser.add_argument("--image", default="like.png", help="what the picture is to be like")
parser.add_argument("--size", type=int, nargs=2, default=(4096, 4096), help="width and height")
parser.add_argument("--steps", type=int, default=50)
parser.add_argument("--out", default="ip_adapter.png")
asked = parser.parse_args()

width, height = asked.size
model = muralist.load(asked.model, ip_adapter=[(asked.ip_adapter, 0.6)])
picture = muralist.paint(
    model,
    asked.prompt,
    ip_adapter_image=asked.image,
    width=width,
    height=height,
    num_inference_steps=asked.steps,
    seed=7,
)
print(picture.save(asked.out))
