"""Repeated subjects counted without a detector and without labels: by features of the base."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from muralist.bench.features import Features
from muralist.shapes.areas import connected

__all__ = ["duplicates"]

SIDE = 512  # pixels of the longer side at which every picture is looked at
MOSAICS = (1, 2, 4)  # copies of the base along a side, from which the subject's look is learned
BORDER = 16  # of the shorter side, the part at the border that shows the background
USUAL = 0.15  # a cell is background if this share of the border's cells is like it
LEAST = 0.15  # of the area of the base's largest subject in a window of the native size
RIDGE = 1e-2  # of the features' mean square


def duplicates(large: Tensor, base: Tensor, features: Features) -> float:
    """How many more subjects a large picture `3 H W` shows than the base it was made from.

    Which features are the subject's is learned from the base alone: the background is what its
    border shows, the subject is the rest. Areas like the subject are counted in both pictures,
    seen at one size; 15 % of the subject in a window of the native size counts. The base enlarged
    has 0; copies of one subject in every native window have their number less one.

    Areas that touch count once, a subject that fell to pieces counts for every piece, and so does
    what is unlike the background in the way that the subject is; outlines thinner than 1/64 of the
    picture fall apart. It is a score for many pictures, no verdict on one. Written for features of
    the DINOv2 class too; validated with `shapes_features` alone.
    """
    seen = _cells(features, _seen(base))
    marked = _marked(seen)
    weights = _fitted(
        *(torch.cat(each) for each in zip(*_repeated(base, marked, features), strict=True))
    )
    subject = max((area.pixels for _, area in connected(marked)), default=int(marked.sum()))
    windows = (max(large.shape) / max(base.shape)) ** 2
    least = LEAST * float(subject) / marked.numel() / windows
    found = _count(_cells(features, _seen(large)), weights, least)
    return float(found - _count(seen, weights, least))


def _count(cells: Tensor, weights: Tensor, least: float) -> int:
    """Areas of cells `h w D` like the subject that are at least the share `least` of all."""
    mask = _smooth(_extended(cells) @ weights) > 0.5
    return len(connected(mask, max(1.0, least * mask.numel())))


def _repeated(base: Tensor, marked: Tensor, features: Features) -> Iterator[tuple[Tensor, Tensor]]:
    """Cells `N D` of the base small and large and in every place, and the subject's share in each.

    The base is mirrored into mosaics: features of transformers say where a patch is, too.
    """
    for copies in MOSAICS:
        cells = _cells(features, _mosaic(_seen(base, SIDE // copies), copies))
        marks = _mosaic(marked[None].float(), copies)[None]
        shares = F.interpolate(marks, cells.shape[:2], mode="area")
        yield cells.flatten(0, 1), shares.flatten()


def _seen(image: Tensor, side: int = SIDE) -> Tensor:
    """A picture of `side` pixels along its longer side, `3 h w`."""
    longer = max(image.shape)
    size = [max(1, round(each * side / longer)) for each in image.shape[-2:]]
    if size == list(image.shape[-2:]):
        return image
    return F.interpolate(image[None], size, mode="bicubic", antialias=True)[0]


def _cells(features: Features, image: Tensor) -> Tensor:
    """The features of a picture, `h w D`."""
    return features(image[None])[0].movedim(0, 2)


def _mosaic(image: Tensor, copies: int) -> Tensor:
    """`copies` by `copies` of a picture, every other one mirrored, so that borders go on."""
    row = torch.cat([image.flip(2) if i % 2 else image for i in range(copies)], 2)
    return torch.cat([row.flip(1) if i % 2 else row for i in range(copies)], 1)


def _marked(cells: Tensor) -> Tensor:
    """Which cells `h w` of the base are its subject's: those that are unlike the border's."""
    height, width = cells.shape[:2]
    ring = torch.ones(height, width, dtype=torch.bool)
    wide = max(1, min(height, width) // BORDER)
    ring[wide:-wide, wide:-wide] = False
    even = (cells - cells.mean((0, 1))) / cells.std((0, 1)).clamp(min=1e-6)
    away = torch.cdist(even.flatten(0, 1), even[ring])
    unlike = away.kthvalue(max(1, round(USUAL * away.shape[1])), dim=1).values
    return _smooth((unlike > _split(unlike)).float().view(height, width)) > 0.5


def _split(values: Tensor) -> Tensor:
    """The value that parts numbers into two groups, each as alike as can be (Otsu, 1979)."""
    ranked = values.sort().values
    below = torch.arange(1, len(ranked), device=values.device) / len(ranked)
    sums = ranked.cumsum(0)
    apart = (sums[-1] * below - sums[:-1]).square() / (below * (1 - below))
    return ranked[apart.argmax()]


def _fitted(cells: Tensor, wanted: Tensor) -> Tensor:
    """The linear map from features `N D` to what is wanted of them, by ridge regression.

    Of two classes it is Fisher's discriminant. Both count alike, however small the subject is.
    """
    share = wanted.mean().clamp(1e-3, 1 - 1e-3)
    weight = wanted / share + (1 - wanted) / (1 - share)
    rows = _extended(cells).double()
    weighted = rows * weight[:, None]
    gram = weighted.T @ rows
    ridge = RIDGE * gram.diagonal()[:-1].mean()
    penalty = torch.full((len(gram),), float(ridge), dtype=torch.float64)
    penalty[-1] = 0  # the constant is free
    return torch.linalg.solve(gram + penalty.diag(), weighted.T @ wanted.double()).float()


def _extended(cells: Tensor) -> Tensor:
    """Features with a one after the last, for the constant."""
    return torch.cat([cells, torch.ones_like(cells[..., :1])], -1)


def _smooth(cells: Tensor) -> Tensor:
    """Numbers `h w`, each averaged with its neighbours."""
    padded = F.pad(cells[None, None], (1, 1, 1, 1), mode="replicate")
    return F.avg_pool2d(padded, 3, 1)[0, 0]
