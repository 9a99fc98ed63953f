"""What goes wrong in large pictures, put into drawn ones: copies, seams, blur, grain, tints."""

import math
import random
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

MARGIN = 16  # pixels around a window, from which shifted halves are taken


@dataclass(frozen=True)
class Drawn:
    """A picture `3 S S`, and how much of every pixel its two things cover, `2 S S`."""

    picture: Tensor
    covers: Tensor


@dataclass(frozen=True)
class Spoilt:
    """A window with flaws, where its seam is, and how strong everything else is, in [0, 1]."""

    picture: Tensor  # 3 S S
    covers: Tensor  # 2 S S
    seam: Tensor  # 1 S S: the jump, in the pixels before a seam
    strengths: tuple[float, ...]  # copies, blur, enlargement, grain, tint


def spoil(draw: random.Random, drawn: Drawn, side: int, flaws: bool = True) -> Spoilt:
    """A window of `side` pixels with each flaw or, mostly, without; all without if not `flaws`."""

    def wanted(share: float) -> bool:
        return flaws and draw.random() < share

    strengths = [0.0] * 5
    if wanted(0.2):
        drawn, strengths[0] = _copied(draw, drawn)
    drawn, seam = _seamed(draw, drawn, side) if wanted(0.25) else _whole(drawn, side)
    picture = drawn.picture
    if wanted(0.2):
        picture, strengths[1] = _blurred(draw, picture)
    elif wanted(0.25):
        picture, strengths[2] = _enlarged(draw, picture)
    if wanted(0.25):
        picture, strengths[3] = _grained(draw, picture)
    if wanted(0.2):
        picture, strengths[4] = _tinted(draw, picture)
    return Spoilt(picture.clamp(-1, 1), drawn.covers, seam, tuple(strengths))


def _copied(draw: random.Random, drawn: Drawn) -> tuple[Drawn, float]:
    """Smaller copies of the things, pasted along their outlines; six are of strength 1."""
    both = torch.cat([drawn.picture, drawn.covers])
    small = F.interpolate(both[None], scale_factor=1 / draw.choice((2, 3, 4)), mode="area")[0]
    mask, side = small[3:].sum(0).clamp(0, 1), small.shape[-1]
    count, both = draw.randint(1, 6), both.clone()
    for _ in range(count):
        top, left = (draw.randint(0, both.shape[-1] - side) for _ in range(2))
        under = both[:, top : top + side, left : left + side]
        under.copy_(under * (1 - mask) + small * mask)
    return Drawn(both[:3], both[3:]), count / 6


def _whole(drawn: Drawn, side: int) -> tuple[Drawn, Tensor]:
    return _crop(drawn, side, 0, 0), torch.zeros(1, side, side)


def _seamed(draw: random.Random, drawn: Drawn, side: int) -> tuple[Drawn, Tensor]:
    """One half shifted by up to 16 pixels, along a line across the window."""
    here = _crop(drawn, side, 0, 0)
    there = _crop(drawn, side, draw.randint(-MARGIN, MARGIN), draw.randint(-MARGIN, MARGIN))
    at, across = draw.randint(8, side - 8), draw.random() < 0.5
    after = torch.arange(side) >= at
    after = after[None, :] if across else after[:, None]
    picture, covers = (
        torch.where(after, theirs, ours)
        for ours, theirs in ((here.picture, there.picture), (here.covers, there.covers))
    )
    line = torch.arange(side) == at - 1
    line = line[None, :] if across else line[:, None]
    jump = (there.picture - here.picture).abs().mean(0, keepdim=True)
    return Drawn(picture, covers), jump * line


def _crop(drawn: Drawn, side: int, down: int, right: int) -> Drawn:
    rows = slice(MARGIN + down, MARGIN + down + side)
    columns = slice(MARGIN + right, MARGIN + right + side)
    return Drawn(drawn.picture[:, rows, columns], drawn.covers[:, rows, columns])


def _blurred(draw: random.Random, picture: Tensor) -> tuple[Tensor, float]:
    """A Gaussian of up to 3 pixels."""
    sigma = draw.uniform(0.4, 3)
    return blurred(picture, sigma), sigma / 3


def blurred(picture: Tensor, sigma: float) -> Tensor:
    """A picture `3 H W` under a Gaussian of `sigma` pixels, its borders continued."""
    reach = math.ceil(3 * sigma)
    bell = torch.exp(-torch.arange(-reach, reach + 1).float().square() / (2 * sigma**2))
    bell = bell / bell.sum()
    padded = F.pad(picture[:, None], [reach] * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, bell.view(1, 1, 1, -1)), bell.view(1, 1, -1, 1))[:, 0]


def _enlarged(draw: random.Random, picture: Tensor) -> tuple[Tensor, float]:
    """Reduced and enlarged again by a factor of up to 4.5."""
    factor = draw.uniform(1.3, 4.5)
    side = max(8, round(picture.shape[-1] / factor))
    return enlarged(picture, side), math.log(factor) / math.log(4.5)


def enlarged(picture: Tensor, side: int) -> Tensor:
    """A square picture reduced to `side` pixels by area, and enlarged again by Lanczos."""
    small = F.interpolate(picture[None], [side, side], mode="area")[0]
    bands = [Image.fromarray(band.numpy()) for band in small]  # of floats
    large = [band.resize(picture.shape[-2:], Image.Resampling.LANCZOS) for band in bands]
    return torch.from_numpy(np.stack([np.asarray(band) for band in large]))


def _grained(draw: random.Random, picture: Tensor) -> tuple[Tensor, float]:
    """Noise of a deviation of up to 0.3, of one or of two pixels' size, grey or in colours."""
    strength = draw.random()
    deviation, size = 0.01 * 30**strength, draw.choice((1, 2))
    bands, side = draw.choice((1, 3)), picture.shape[-1] // size
    noise = torch.randn(1, bands, side, side, generator=_generator(draw))
    noise = F.interpolate(noise, picture.shape[-2:], mode="bilinear" if size > 1 else "nearest")
    return picture + noise[0] * deviation, 0.2 + 0.8 * strength


def _tinted(draw: random.Random, picture: Tensor) -> tuple[Tensor, float]:
    """A smooth change of colour of up to a quarter."""
    amount, coarse = draw.uniform(0.03, 0.25), draw.choice((2, 3, 4))
    field = torch.rand(1, 3, coarse, coarse, generator=_generator(draw)) * 2 - 1
    field = F.interpolate(field, picture.shape[-2:], mode="bicubic", align_corners=True)[0]
    return picture + amount * field, amount / 0.25


def _generator(draw: random.Random) -> torch.Generator:
    return torch.Generator().manual_seed(draw.getrandbits(62))
