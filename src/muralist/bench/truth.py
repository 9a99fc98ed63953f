"""How near pictures are to what their captions say, of which all can be drawn."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from muralist.bench.cases import Case
from muralist.bench.controls import copied
from muralist.bench.detail import detail
from muralist.bench.distances import frechet, kernel
from muralist.bench.features import patchwise, shapes_features, whole
from muralist.bench.samples import Sample, true_pictures
from muralist.bench.spectrum import gap_of
from muralist.shapes.judge import judge

__all__ = ["Described", "described", "distances", "said", "share", "sharpness", "truths_of"]


class Described(NamedTuple):
    """Features of pictures."""

    whole: Tensor  # reduced to the native size: `1 D`, a row for each
    patches: Tensor  # at their full size: `N D`


def described(image: Tensor) -> Described:
    """By the embedded feature space, of a picture `3 H W` in [-1, 1]."""
    features = shapes_features()
    return Described(whole(image, features), patchwise(image, features))


def truths_of(case: Case, count: int) -> Described:
    """Features of so many true pictures of a caption, none of them the control's."""
    _, *others = true_pictures(case, case.size, count + 1)
    return _together(list(map(described, others)))


def distances(painted: Sequence[Described], true: Sequence[Described]) -> dict[str, float]:
    """Of painted pictures, two or more, from true ones; by the names of measures."""
    ours, theirs = _together(painted), _together(true)
    return {
        "truth.frechet": frechet(ours.whole, theirs.whole),
        "truth.frechet_patches": frechet(ours.patches, theirs.patches),
        "truth.kernel": kernel(ours.whole, theirs.whole),
        "truth.kernel_patches": kernel(ours.patches, theirs.patches),
    }


def share(sample: Sample) -> float:
    """Detail as a share of that of the true picture, which is the control's."""
    factor = _times(sample)
    return detail(sample.large, factor) / _true_detail(sample.case, factor)


def sharpness(sample: Sample) -> float:
    """Where the truth is unknown: detail as a share of that of the base picture, side by side."""
    factor, copies = _times(sample), copied(sample.base, sample.case.size)
    return detail(sample.large, factor) / max(detail(copies, factor), 1e-6)


def said(sample: Sample, texture: Sequence[float]) -> dict[str, float]:
    """A picture, and the bands of its texture, against what the caption says."""
    case = sample.case
    return {
        "texture": gap_of(texture, case.prompt, case.size),
        "adherence": judge(sample.large, case.prompt).all,
    }


@cache  # everybody's picture of a case is beside this one
def _true_detail(case: Case, factor: int) -> float:
    (true,) = true_pictures(case, case.size, 1)
    return detail(true, factor)


def _times(sample: Sample) -> int:
    """How many times larger than its base a picture is, and at least twice."""
    return max(round(max(sample.case.size) / max(sample.base.shape[1:])), 2)


def _together(some: Sequence[Described]) -> Described:
    return Described(*map(torch.cat, zip(*some, strict=True)))
