"""Pictures painted by entrants, kept beside what they cost: what is there is not painted again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from muralist.bench.cases import Case, is_caption
from muralist.bench.entrants import Entrant
from muralist.bench.meter import Meter, Taken
from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.events import Finished, Resumed, StageDone
from muralist.generation import generate
from muralist.job import Job
from muralist.methods import MultiDiffusion
from muralist.models.base import Card, Model
from muralist.models.cards import card, checkpoint_of
from muralist.models.once import loaded_once
from muralist.planning import work
from muralist.request import Request
from muralist.shapes.render import NATIVE
from muralist.sinks.whole import move, unfinished
from muralist.stage import progression

__all__ = ["Trial", "Workshop"]

_NATIVE = Entrant("native", MultiDiffusion())  # a single window


@dataclass(frozen=True)
class Trial:
    """One entrant, one picture."""

    entrant: Entrant
    case: Case


@dataclass(frozen=True)
class Workshop:
    """Paints trials into a folder.

    `asked` are the arguments of a request that all pictures have in common, the model by name.
    A trial leaves `<entrant>/<size>/<case>.png`, the base picture of the same run beside it, and
    last a record of what was asked and what it cost. A trial that is stopped is taken up within.
    """

    folder: Path
    asked: Mapping[str, Any]
    device: torch.device | None = None
    dtype: torch.dtype | None = None

    def request(self, trial: Trial) -> Request:
        """What an entrant is asked."""
        case = trial.case
        known = {**self.asked, "prompt": case.prompt, "seed": case.seed}
        height, width = case.size
        return Request(**known, height=height, width=width, method=trial.entrant.method)

    def path(self, trial: Trial) -> Path:
        """Of the picture."""
        return self.folder / trial.entrant.folder / str(trial.case.size) / f"{trial.case.name}.png"

    def done(self, trial: Trial) -> bool:
        """Whether it is there. `BadRequest` where it was painted in another way."""
        if not (self.path(trial).exists() and _record(self.path(trial)).exists()):
            return False
        there, asked = self._recorded(trial)["asked"], self._told(trial)
        others = [name for name in asked if there.get(name) != asked[name]]
        if others:
            raise BadRequest(
                f"{self.path(trial)} was painted otherwise (other {', '.join(others)}); remove it,"
                " or name another folder"
            )
        return True

    def __call__(self, trial: Trial) -> None:
        """Paints it, if it is not there."""
        if self.done(trial):
            return
        path = self.path(trial)
        path.parent.mkdir(parents=True, exist_ok=True)
        request = replace(self.request(trial), model=trial.entrant.model(self._model()))
        job = Job(path.with_suffix(".job"), request)
        cost = self._painted(request, job, path)
        with unfinished(_record(path)) as record:
            record.write_text(json.dumps({"asked": self._told(trial), "cost": cost}))
            move([record], [_record(path)])
        job.remove()

    def _painted(self, request: Request, job: Job, path: Path) -> dict[str, float]:
        """Paints the picture and its base, and tells what it cost."""
        meter, whole, spent = Meter(self._model().device), True, {}
        for event in generate(request, job=job):
            if isinstance(event, Resumed):
                whole = False
            if isinstance(event, StageDone):
                large = event.result.size == request.size
                meter.done("upscale" if large or event.stage > 1 else "base")
            if isinstance(event, Finished):
                meter.done("decode")
                spent = _spent(meter.taken())
                # decoded for us, not for the picture: after all that is counted
                base = event.picture.stages[0]
                if base.size != request.size:
                    Image.fromarray(base.pixels).save(_base(path))
                event.picture.save(path)
        # of a run taken up, a part is not known
        return {"evaluations": work(request).evaluations, **(spent if whole else {})}

    def large(self, trial: Trial) -> np.ndarray:
        """The picture: `height width 3`, uint8."""
        return _read(self.path(trial))

    def base(self, trial: Trial) -> np.ndarray:
        """The base picture of the run, or, of a method that has none, the native one, painted."""
        own = _base(self.path(trial))
        return _read(own) if own.exists() else self.large(self.native(trial.case))

    def cost(self, trial: Trial) -> dict[str, float]:
        """What it took, by the names of measures."""
        return self._recorded(trial)["cost"]

    def native(self, case: Case) -> Trial:
        """What the model paints of a case as it was trained: one for all sizes of a ratio."""
        return Trial(_NATIVE, replace(case, size=self.native_size(case)))

    def native_size(self, case: Case) -> Size:
        """In pixels: of the case's ratio, as long as the model's native pictures."""
        first, *_ = progression(self.card.native, self.card.latent(*case.size))
        return first.times(self.card.factor)

    @property
    def card(self) -> Card:
        """What is known of the model."""
        return card(self.asked["model"])

    def knows(self, prompt: str) -> bool:
        """Whether pictures are of the embedded world: captions, by a model of its native size."""
        native = max(self.card.native.times(self.card.factor))
        return native == NATIVE and is_caption(prompt)

    def _model(self) -> Model:
        return loaded_once(checkpoint_of(self.asked["model"]), self.device, self.dtype)

    def _recorded(self, trial: Trial) -> dict[str, Any]:
        path = _record(self.path(trial))
        try:
            return {name: json.loads(path.read_text())[name] for name in ("asked", "cost")}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BadRequest(f"{path} is no record of a picture: {error!r}; remove it") from error

    def _told(self, trial: Trial) -> dict[str, Any]:
        """All that decides a picture, as JSON has it."""
        told = {
            **self.request(trial).to_json(),
            "crops": trial.entrant.crops,
            "dtype": str(self.dtype),
        }
        return json.loads(json.dumps(told))


def _spent(taken: Taken) -> dict[str, float]:
    """By the names of measures; what the machine does not tell is left out."""
    parts = {part: taken.seconds.get(part, 0.0) for part in ("base", "upscale", "decode")}
    told = {
        **{f"{part}_s": seconds for part, seconds in parts.items()},
        "seconds": sum(parts.values()),
        "cpu_seconds": taken.cpu_seconds,
        "peak_bytes": taken.peak_bytes,
        "joules": taken.joules,
    }
    return {name: value for name, value in told.items() if value is not None}


def _record(picture: Path) -> Path:
    return picture.with_suffix(".json")


def _base(picture: Path) -> Path:
    return picture.with_suffix(".base.png")


def _read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))
