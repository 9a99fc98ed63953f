"""Objects counted, beside a measure of detail: one is true, and an enlargement has no detail.

    python -m benchmarks.repetition --prompts 12 --factors 2 4

paints captions of one object with the embedded model, counts areas of the object's colour, and
compares fine detail with the true rendering of the same caption at the same size.
"""

import argparse
import itertools
import json
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import muralist
from muralist.methods import METHODS, AccDiffusion, MultiDiffusion, Pixelsmith
from muralist.shapes.checker import count_objects
from muralist.shapes.detail import detail
from muralist.shapes.render import picture
from muralist.shapes.scene import Scene, random_scene

# Backgrounds that the checker cannot confuse with an object's colour in the light or the shade.
APART = {
    "red": ("blue", "white", "black"),
    "orange": ("blue", "purple", "black"),
    "yellow": ("blue", "purple", "black"),
    "green": ("white", "purple", "red"),
    "cyan": ("red", "black", "purple"),
    "blue": ("yellow", "white", "red"),
    "purple": ("yellow", "white", "green"),
}


@dataclass(frozen=True)
class Counted:
    """One picture: how many objects where one is true, and how much fine detail."""

    way: str
    factor: int
    caption: str
    seed: int
    objects: int
    detail: float
    seconds: float


def scenes(count: int) -> list[Scene]:
    """Scenes of one object on a background well apart from it, unlike any of the training's."""
    drawn = (random_scene(seed, pair=0.0) for seed in itertools.count(10**9))
    apart = (one for one in drawn if one.background in APART[one.things[0].colour])
    return list(itertools.islice(apart, count))


def pixels(image: Image.Image) -> Tensor:
    """A picture as `3 H W` in [-1, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1) / 127.5 - 1


PAINTED: Mapping[str, Any] = {
    "multidiffusion, no crop ids": MultiDiffusion(crop_ids="none"),
    "accdiffusion, embeddings": AccDiffusion(prompts="embeddings"),
    "pixelsmith, slider 10": Pixelsmith(slider=10),
    "pixelsmith, random": Pixelsmith(patches="random"),
    **{name: method() for name, method in METHODS.items()},
}

Way: TypeAlias = Callable[[Scene, int, int], Tensor]


def ways(model: muralist.Model) -> dict[str, Way]:
    """How a picture of a scene, a factor and a seed can be made."""
    native = model.card.native.height * model.card.factor

    def truth(scene: Scene, factor: int, seed: int) -> Tensor:
        return picture(scene, zoom=factor)

    def enlarged(scene: Scene, factor: int, seed: int) -> Tensor:
        base = muralist.paint(model, scene.caption, height=native, width=native, seed=seed).image
        side = factor * native
        return pixels(base.resize((side, side), Image.Resampling.LANCZOS))

    def painted(method: Any) -> Way:
        def paint(scene: Scene, factor: int, seed: int) -> Tensor:
            side = factor * native
            settings = {"height": side, "width": side, "seed": seed, "method": method}
            return pixels(muralist.paint(model, scene.caption, **settings).image)

        return paint

    methods = {name: painted(method) for name, method in PAINTED.items()}
    return {"truth": truth, "enlarged": enlarged, **methods}


@cache
def model_of(dtype: str) -> muralist.Model:
    """The embedded model; every process has its own, and one thread."""
    torch.set_num_threads(1)
    return muralist.load("shapes", dtype=getattr(torch, dtype))


def counted(dtype: str, factor: int, way: str, seed: int) -> Counted:
    """One way, factor and scene; scenes and seeds are numbered alike."""
    scene = scenes(seed + 1)[seed]
    began = time.monotonic()
    image = ways(model_of(dtype))[way](scene, factor, seed)
    seconds = round(time.monotonic() - began, 2)
    objects = count_objects(image, scene.things[0].colour)
    return Counted(way, factor, scene.caption, seed, objects, detail(image, factor), seconds)


def table(rows: list[Counted]) -> str:
    """Means of every way and factor, as Markdown."""
    lines = [
        "| side | way | objects, mean | exactly one | detail beyond native |",
        "|---|---|---|---|---|",
    ]
    for factor, way in dict.fromkeys((row.factor, row.way) for row in rows):
        some = [row for row in rows if (row.factor, row.way) == (factor, way)]
        mean = sum(row.objects for row in some) / len(some)
        one = sum(row.objects == 1 for row in some) / len(some)
        fine = sum(row.detail for row in some) / len(some)
        lines.append(f"| {factor}x | {way} | {mean:.2f} | {one:.0%} | {fine:.4f} |")
    return "\n".join(lines)


def main() -> None:
    every = ["truth", "enlarged", *PAINTED]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--factors", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--ways", nargs="+", default=every, choices=every)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/repetition.json"))
    given = parser.parse_args()
    tasks = itertools.product([given.dtype], given.factors, given.ways, range(given.prompts))
    rows: list[Counted] = []
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        for row in pool.map(counted, *zip(*tasks, strict=True)):
            rows.append(row)
            print(row, flush=True)
            given.out.write_text(json.dumps([asdict(one) for one in rows], indent=1))
    print(table(rows))


if __name__ == "__main__":
    main()
