"""One picture, by every measure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor

from muralist.bench.detector import Detector
from muralist.bench.duplicates import duplicates
from muralist.bench.entrants import folder
from muralist.bench.features import Features, load, shapes_features
from muralist.bench.outlines import outlined
from muralist.bench.repetition import Comparison, comparison, repetition
from muralist.bench.results import Row, Shown
from muralist.bench.samples import Control, Sample, sampled
from muralist.bench.seams import energy
from muralist.bench.shades import shades
from muralist.bench.spectrum import bands
from muralist.bench.trials import Trial, Workshop
from muralist.bench.truth import Described, described, said, share, sharpness
from muralist.errors import BadRequest
from muralist.models import best_device

__all__ = ["PARTS", "Judge", "Judged"]

PARTS = ("repetition", "seams", "truth", "cost")
"""What can be asked of a picture."""

_SHOWN = 512  # pixels of the longer side of a picture with outlines


class Judged(NamedTuple):
    """What was found in a picture."""

    row: Row
    described: Described | None  # where there is a truth to be near to
    shown: Shown


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Measures what a workshop has painted, and controls, by some of `PARTS`.

    Captions of the embedded world are compared with what they say. For other prompts, `features`
    is the folder of a vision transformer and `detector` that of a detector, which looks for
    `words`. Pictures with their objects outlined go to `folder`/outlined.
    """

    workshop: Workshop
    parts: tuple[str, ...]
    folder: Path
    features: Path | None = None
    detector: Path | None = None
    words: tuple[str, ...] = ()

    def __call__(self, order: Trial | Control) -> Judged:
        """Measures one picture."""
        sample = sampled(self.workshop, order)
        found = comparison(sample.large, sample.base) if sample.known else None
        truth = sample.known and "truth" in self.parts
        texture = bands(sample.large, sample.case.prompt) if truth else ()
        row = Row(
            **_whose(sample),
            measures=self._measures(sample, found, texture),
            curves={"truth.spectrum": texture} if texture and all(map(isfinite, texture)) else {},
        )
        features = described(sample.large) if truth else None
        return Judged(row, features, self._shown(sample, found))

    @property
    def device(self) -> torch.device:
        """Where other models are that look at pictures."""
        return self.workshop.device or best_device()

    def check(self) -> None:
        """Raises where what it is to look with cannot be had: before anything is painted."""
        if bool(self.words) != bool(self.detector):
            raise BadRequest("a detector and words that it looks for belong together; give both")
        if self.features:
            _features(self.features, self.device)
        if self.detector:
            _detector(self.detector, self.device)

    def _measures(
        self, sample: Sample, found: Comparison | None, texture: Sequence[float]
    ) -> dict[str, float]:
        parts = {
            "repetition": self._repetition(sample, found) if "repetition" in self.parts else {},
            "seams": _seams(sample) if "seams" in self.parts else {},
            "truth": self._truth(sample, texture),
            "cost": sample.cost if "cost" in self.parts else {},
        }
        return {
            f"{part}.{name}": float(value)
            for part, values in parts.items()
            for name, value in values.items()
            if isfinite(value)
        }

    def _repetition(self, sample: Sample, found: Comparison | None) -> dict[str, float]:
        measures: dict[str, float] = {}
        if found is not None:
            counted = repetition(found, sample.case.prompt)
            measures |= {**asdict(counted), "right": counted.right}
        if found is not None or self.features:
            features = _features(self.features, self.device)
            measures["duplicates"] = duplicates(sample.large, sample.base, features)
        if found is None:
            measures["sharpness"] = sharpness(sample)
        if self.detector:
            more = _detector(self.detector, self.device).excess(
                sample.large, sample.base, self.words
            )
            measures["detected"] = sum(max(count, 0) for count in more.values())
        return measures

    def _truth(self, sample: Sample, texture: Sequence[float]) -> dict[str, float]:
        """Detail stands beside every count, whether or not the truth was asked for."""
        if not sample.known or not {"repetition", "truth"} & {*self.parts}:
            return {}
        told = said(sample, texture) if "truth" in self.parts else {}
        return {"detail": share(sample), **told}

    def _shown(self, sample: Sample, found: Comparison | None) -> Shown:
        """The picture in a file beside the results, its objects outlined where they are known."""
        case = sample.case
        file = f"outlined/{folder(sample.entrant)}/{case.size}/{case.name}.jpg"
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        image = _plain(sample.large) if found is None else outlined(sample.large, found, _SHOWN)
        image.save(path, quality=90)
        return Shown(**_whose(sample), file=file)


def _plain(image: Tensor) -> Image.Image:
    """No larger than it is shown."""
    small = Image.fromarray(shades(image))
    small.thumbnail((_SHOWN, _SHOWN))
    return small


def _whose(sample: Sample) -> dict[str, Any]:
    case = sample.case
    return {
        "entrant": sample.entrant,
        "size": str(case.size),
        "prompt": case.prompt,
        "seed": case.seed,
    }


def _seams(sample: Sample) -> dict[str, float]:
    return {
        "views": energy(sample.large, sample.borders.views),
        "decode": energy(sample.large, sample.borders.tiles),
    }


@cache
def _features(folder: Path | None, device: torch.device) -> Features:
    return shapes_features() if folder is None else load(folder, device)


@cache
def _detector(folder: Path, device: torch.device) -> Detector:
    return Detector.load(folder, device)
