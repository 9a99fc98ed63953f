"""The UNet's examples: captioned pictures as latents, whole or cropped, with SDXL's six sizes.

An example is a function of the seed and its number. Whole pictures claim to be reduced from a
larger original, as the first stage and the dilated views of the methods do; crops are windows on
the scene drawn larger, and claim nothing but the truth.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from muralist.shapes.render import NATIVE, render
from muralist.shapes.scene import Scene, random_scene
from training.shapes.vae import SCALING

SHARD = 480  # examples, all of one size
CROPS = 0.33  # of the square examples
# Height and width in pixels of the pictures of one shard in twelve.
OBLONGS = ((112, 144), (144, 112), (96, 160), (160, 96))


@dataclass(frozen=True)
class Example:
    """What is drawn, from where, and what the model is told about its size."""

    scene: Scene
    zoom: float
    top: float
    left: float
    ids: tuple[float, ...]  # original height, width, crop top, left, target height, width


def shard_size(shard: int) -> tuple[int, int]:
    """Height and width in pixels of a shard's pictures."""
    if shard % 12 != 11:
        return NATIVE, NATIVE
    return OBLONGS[shard // 12 % len(OBLONGS)]


def example(draw: random.Random, height: int, width: int) -> Example:
    """One random example of a size in pixels; oblong ones are always whole."""
    scene = random_scene(draw, width / NATIVE, height / NATIVE)
    if height == width and draw.random() < CROPS:
        return _crop(scene, draw)
    grow = 1.0 if draw.random() < 0.5 else draw.uniform(1.0, 5.0)
    tall, wide = round(height * grow), round(width * grow)
    if grow > 1 and draw.random() < 0.15:
        wide = round(width * draw.uniform(1.0, 5.0))
    return Example(scene, 1.0, 0.0, 0.0, (tall, wide, 0, 0, tall, wide))


def _crop(scene: Scene, draw: random.Random) -> Example:
    zoom = draw.uniform(1.15, 4.5)
    side = round(NATIVE * zoom)
    top, left = 0, 0
    while top == left == 0:  # which would claim to be a whole picture
        top, left = (draw.randint(-16, side - NATIVE + 16) for _ in range(2))
    return Example(scene, side / NATIVE, top, left, (side, side, top, left, side, side))


def examples(seed: int, shard: int) -> list[Example]:
    """All examples of a shard."""
    draw = random.Random(f"{seed}/{shard}")
    return [example(draw, *shard_size(shard)) for _ in range(SHARD)]


def encode(autoencoder: Path, folder: Path, shards: int, seed: int, processes: int = 2) -> None:
    """Writes the shards that are not in `folder` yet: latents of unit variance, ids, captions."""
    folder.mkdir(parents=True, exist_ok=True)
    arguments = (autoencoder, folder, shards, seed, processes)
    torch.multiprocessing.spawn(_encode_every, arguments, nprocs=processes)


@torch.no_grad()
def _encode_every(
    first: int, autoencoder: Path, folder: Path, shards: int, seed: int, stride: int
) -> None:
    torch.set_num_threads(1)
    vae = AutoencoderKL.from_pretrained(autoencoder).eval().to(memory_format=torch.channels_last)
    for shard in range(first, shards, stride):
        path = folder / f"{shard:04d}.pt"
        if path.exists():
            continue
        batch = examples(seed, shard)
        content = {
            "latents": torch.cat([_encode(vae, batch[i : i + 24]) for i in range(0, SHARD, 24)]),
            "ids": torch.tensor([one.ids for one in batch], dtype=torch.float32),
            "captions": [one.scene.caption for one in batch],
        }
        torch.save(content, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)


def _encode(vae: AutoencoderKL, batch: Sequence[Example]) -> Tensor:
    height, width = round(batch[0].scene.height * NATIVE), round(batch[0].scene.width * NATIVE)
    pictures = render(
        [one.scene for one in batch],
        (height, width),
        [one.zoom for one in batch],
        [one.top for one in batch],
        [one.left for one in batch],
    )
    pictures = pictures.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        latents = vae.encode(pictures).latent_dist.mean
    return (latents * SCALING).half().contiguous()


@dataclass(frozen=True)
class Pool:
    """All examples of one size."""

    latents: Tensor  # N 4 h w
    ids: Tensor  # N 6
    captions: list[str]
    pairs: Tensor  # the numbers of those with two things


def load_pools(folder: Path) -> list[Pool]:
    """The examples in `folder`, one pool per size, the largest first."""
    pools: dict[tuple[int, ...], list[dict]] = {}
    for path in sorted(folder.glob("*.pt")):
        content = torch.load(path, weights_only=True)
        pools.setdefault(tuple(content["latents"].shape[2:]), []).append(content)
    return sorted(map(_pool, pools.values()), key=lambda pool: -len(pool.captions))


def _pool(contents: Sequence[dict]) -> Pool:
    captions = [caption for content in contents for caption in content["captions"]]
    return Pool(
        torch.cat([content["latents"] for content in contents]),
        torch.cat([content["ids"] for content in contents]),
        captions,
        torch.tensor([row for row, caption in enumerate(captions) if " and " in caption]),
    )
