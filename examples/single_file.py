"""A checkpoint in one file, with LoRAs, and another autoencoder.

python examples/single_file.py --model my-sdxl.safetensors --lora ink.safetensors
"""

import argparse

import muralist

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("prompt", nargs="?", default="a lighthouse at dusk, ink")
parser.add_argument("--model", default="my-sdxl.safetensors")
parser.add_argument("--config", help="a diffusers folder with the configs and tokenizers")
parser.add_argument("--lora", nargs="*", default=[], help="files")
parser.add_argument("--vae", help="a folder or a file")
parser.add_argument("--size", type=int, nargs=2, default=(4096, 4096), help="width and height")
parser.add_argument("--steps", type=int, default=50)
parser.add_argument("--out", default="single_file.png")
asked = parser.parse_args()

width, height = asked.size
model = muralist.load(
    asked.model,
    config=asked.config,  # of its family on the hub, if unset
    lora=[(file, 0.8) for file in asked.lora],
    vae=asked.vae,
)
picture = muralist.paint(
    model,
    asked.prompt,
    width=width,
    height=height,
    num_inference_steps=asked.steps,
    seed=7,
)
print(picture.save(asked.out))
