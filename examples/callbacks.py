"""Watch a picture grow: events, diffusers' callback, and no bar.

python examples/callbacks.py "a green star on a white background"
"""

import argparse

import muralist

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("prompt", nargs="?", default="a green star on a white background")
parser.add_argument("--model", default="shapes")
parser.add_argument("--size", type=int, nargs=2, default=(256, 256), help="width and height")
parser.add_argument("--steps", type=int, default=25)
parser.add_argument("--out", default="callbacks.png")
asked = parser.parse_args()


def on_step_end(pipe, step, timestep, told):
    """As diffusers calls it."""
    print(f"step {step}, timestep {timestep}, latents {tuple(told['latents'].shape)}")
    return told


def on_event(event):
    """As muralist tells it: the picture of every stage is there as soon as it is done."""
    if isinstance(event, muralist.StageDone):
        print(f"stage {event.stage} is {event.result.image.size} pixels")


width, height = asked.size
picture = muralist.paint(
    asked.model,
    asked.prompt,
    width=width,
    height=height,
    num_inference_steps=asked.steps,
    callback=on_event,
    callback_on_step_end=on_step_end,
    progress=False,
)
print(picture.save(asked.out))
