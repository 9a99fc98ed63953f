"""What a picture of the embedded model repeats, loses and changes, as the benchmark counts."""

import math
from dataclasses import asdict
from functools import lru_cache
from math import isfinite
from pathlib import Path
from threading import Lock
from weakref import ref

from muralist.bench.cases import Case, is_caption
from muralist.bench.repetition import comparison, repetition
from muralist.bench.samples import Sample
from muralist.bench.seams import borders
from muralist.bench.shades import pixels
from muralist.bench.truth import share, sharpness
from muralist.sinks.tiff import level
from muralist.studio.work import Work

__all__ = ["LARGEST", "cost", "countable", "counts"]

LARGEST = 2**22  # pixels of a picture whose objects are counted: some seconds
_MODEL = "shapes"


def countable(work: Work) -> bool:
    """Whether the objects of a picture can be counted, once it is there and so is a base picture.

    Those of the embedded model can, unless an image was enlarged, in pictures up to `LARGEST`.
    """
    request, (width, height) = work.request, work.size
    return request.card.name == _MODEL and request.image is None and width * height <= LARGEST


_counting = Lock()  # of many who look at once, one counts


def counts(work: Work, base: Path) -> dict[str, float]:
    """A countable picture that is done against a base picture, by the names of measures.

    Of a prompt that the world of shapes does not know, nothing is said of colours and outlines, and
    detail is held against the base picture's.
    """
    with _counting:
        return _counted(ref(work), base)


def cost(work: Work) -> dict[str, float]:
    """What a picture that is done took, by the names of measures."""
    return {"cost.evaluations": work.cost.evaluations, "cost.seconds": work.record.seconds}


@lru_cache(256)
def _counted(held: ref[Work], base: Path) -> dict[str, float]:
    """By reference: what was counted of a picture does not keep it in memory."""
    work = held()
    assert work is not None, "whoever asks has it"
    sample = _sample(work, base)
    found = comparison(sample.large, sample.base)
    if sample.known:
        told = repetition(found, sample.case.prompt)
        every = {**asdict(told), "right": told.right}
        said = {"truth.detail": share(sample)}
    else:
        every = {
            "found": len(found.kept) + len(found.extra),
            "base": len(found.kept) + len(found.missing),
            "excess": len(found.extra),
            "missing": len(found.missing),
        }
        said = {"repetition.sharpness": sharpness(sample)}
    known = {f"repetition.{name}": value for name, value in every.items()} | said
    return {name: value for name, value in known.items() if isfinite(value)}


def _sample(work: Work, base: Path) -> Sample:
    request = work.request
    large, small = (pixels(level(path, math.inf)) for path in (work.picture, base))
    return Sample(
        entrant=work.id,
        case=Case(request.prompt, request.seed, request.size.times(request.card.factor)),
        large=large,
        base=small,
        borders=borders(request),
        known=is_caption(request.prompt),
    )
