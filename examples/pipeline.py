"""A pipeline of diffusers as it is, with whatever you loaded into it.

python examples/pipeline.py "an astronaut riding a horse" --size 4096 4096
"""

import argparse

import torch
from diffusers import DiffusionPipeline

import muralist

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("prompt", nargs="?", default="an astronaut riding a horse")
parser.add_argument("--model", default="stabilityai/stable-diffusion-xl-base-1.0")
parser.add_argument("--size", type=int, nargs=2, default=(4096, 4096), help="width and height")
parser.add_argument("--steps", type=int, default=50)
parser.add_argument("--out", default="pipeline.png")
asked = parser.parse_args()

cuda = torch.cuda.is_available()
pipe = DiffusionPipeline.from_pretrained(
    asked.model, dtype=torch.float16 if cuda else torch.float32, use_safetensors=True
)
if cuda:
    pipe.enable_model_cpu_offload()  # or pipe.to("cuda"), where it fits

width, height = asked.size
picture = muralist.paint(
    muralist.wrap(pipe),
    asked.prompt,
    width=width,
    height=height,
    method=muralist.AccDiffusion(),
    num_inference_steps=asked.steps,
    seed=7,
)
print(picture.save(asked.out))
