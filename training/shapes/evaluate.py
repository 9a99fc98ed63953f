"""How well the shipped model paints what captions say: `python -m training.shapes.evaluate`.

Pictures are painted at the native size by diffusers' own pipeline from the shipped folder, for the
captions of random scenes that were not trained on, and read by the checker.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from torch import Tensor

from muralist.shapes.judge import Verdict, judge
from muralist.shapes.render import NATIVE
from muralist.shapes.scene import parse_caption, random_scenes
from training.shapes.__main__ import WEIGHTS

HELD_OUT = 10_000_000  # seed of the scenes


def main() -> None:
    """Prints the shares that are right, and writes a sheet of the pictures."""
    parser = argparse.ArgumentParser(prog="training.shapes.evaluate", description=__doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--count", type=int, default=128)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--sheet", type=Path, help="where the pictures go, as one PNG")
    options = parser.parse_args()
    pipe = StableDiffusionXLPipeline.from_pretrained(options.weights, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    captions = [scene.caption for scene in random_scenes(HELD_OUT, options.count)]
    pictures = paint(pipe, captions, options.steps, options.guidance)
    verdicts = [judge(one, caption) for one, caption in zip(pictures, captions, strict=True)]
    print("\n".join(report(captions, verdicts)))
    if options.sheet:
        sheet(pictures).save(options.sheet)


def paint(
    pipe: StableDiffusionXLPipeline,
    captions: Sequence[str],
    steps: int = 25,
    guidance: float = 5.0,
    batch: int = 16,
) -> Tensor:
    """One native picture per caption, `B 3 128 128` in [-1, 1]; picture i has seed i."""
    pictures = []
    for start in range(0, len(captions), batch):
        some = list(captions[start : start + batch])
        seeds = [torch.Generator().manual_seed(start + i) for i in range(len(some))]
        painted = pipe(
            some,
            height=NATIVE,
            width=NATIVE,
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=seeds,
            output_type="pt",
        ).images
        pictures.append(painted * 2 - 1)
    return torch.cat(pictures)


def report(captions: Sequence[str], verdicts: Sequence[Verdict]) -> list[str]:
    """Lines with the shares of right pictures, by what is asked of one or two objects."""
    singles, pairs = [], []
    shapes: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for caption, verdict in zip(captions, verdicts, strict=True):
        things, _ = parse_caption(caption)
        (singles if len(things) == 1 else pairs).append(verdict)
        if len(things) == 1:
            shapes[things[0][0]] += 1
            right[things[0][0]] += verdict.shapes
    lines = [f"{len(verdicts)} prompts: {_shares(verdicts)}"]
    for name, group in (("one object", singles), ("two objects", pairs)):
        if group:
            lines.append(f"{name} ({len(group)}): {_shares(group)}")
    each = (f"{shape} {right[shape]}/{shapes[shape]}" for shape in sorted(shapes))
    return [*lines, "shapes of one object: " + ", ".join(each)]


def _shares(verdicts: Sequence[Verdict]) -> str:
    names = "background", "number", "colours", "shapes", "all"
    shares = (sum(getattr(one, name) for one in verdicts) / len(verdicts) for name in names)
    words = [f"{name} {share:.1%}" for name, share in zip(names, shares, strict=True)]
    likeness = sum(one.likeness for one in verdicts) / len(verdicts)
    return ", ".join([*words, f"likeness {likeness:.3f}"])


def sheet(pictures: Tensor, columns: int = 16) -> Image.Image:
    """Pictures `B 3 H W` in [-1, 1] side by side, row after row."""
    tiles = ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte()
    short = -len(tiles) % columns
    tiles = torch.cat([tiles, tiles.new_zeros(short, *tiles.shape[1:])])
    rows = tiles.unflatten(0, (-1, columns)).permute(0, 3, 1, 4, 2).flatten(0, 1).flatten(1, 2)
    return Image.fromarray(rows.numpy())


if __name__ == "__main__":
    main()
