"""Some words more than others: embeddings instead of a prompt.

python examples/weighted_words.py --weight 1.3
"""

import argparse

import torch

import muralist

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("prompt", nargs="?", default="a lighthouse at dusk")
parser.add_argument("--model", default="stabilityai/stable-diffusion-xl-base-1.0")
parser.add_argument("--weight", type=float, default=1.3, help="of the prompt against nothing")
parser.add_argument("--size", type=int, nargs=2, default=(4096, 4096), help="width and height")
parser.add_argument("--steps", type=int, default=50)
parser.add_argument("--out", default="weighted_words.png")
asked = parser.parse_args()

width, height = asked.size
model = muralist.load(asked.model)
with torch.no_grad():  # compel makes such embeddings, too, and longer ones
    words, _, pooled, _ = model.pipe.encode_prompt(asked.prompt, device=model.device)
    nothing, _, pooled_nothing, _ = model.pipe.encode_prompt("", device=model.device)
picture = muralist.paint(
    model,
    prompt_embeds=nothing + asked.weight * (words - nothing),
    pooled_prompt_embeds=pooled,
    negative_prompt_embeds=nothing,
    negative_pooled_prompt_embeds=pooled_nothing,
    width=width,
    height=height,
    num_inference_steps=asked.steps,
    seed=7,
)
print(picture.save(asked.out))
