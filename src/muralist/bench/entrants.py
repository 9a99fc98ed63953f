"""Who paints: methods with their settings, and the same without crop conditioning."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from torch import Tensor

from muralist.bench.results import Kind
from muralist.denoisers import Unplaced
from muralist.errors import BadRequest
from muralist.methods import METHODS, method_named
from muralist.models.base import Model
from muralist.models.checkpoint import Checkpoint
from muralist.query import Estimate, Query
from muralist.request import Request
from muralist.settings import parsed
from muralist.stage import Method

__all__ = ["CONTROLS", "Entrant", "Untold", "entrant", "entrants", "folder", "without_crops"]

CONTROLS = ("truth", "enlarged", "copied")
"""Pictures that nobody paints: the true one, the base enlarged by Lanczos, the base tiled."""

_UNTOLD = ", no crops"


@dataclass(frozen=True)
class Entrant:
    """A method, by the name it goes by in tables."""

    name: str
    method: Method
    crops: bool = True  # whether the model is told where windows lie

    @property
    def folder(self) -> str:
        """Of its pictures."""
        return folder(self.name)

    @property
    def kind(self) -> Kind:
        return "method" if self.crops else "ablation"

    def model(self, model: Model) -> Model:
        """The model as it is asked."""
        return model if self.crops else Untold(model)  # type: ignore


def folder(name: str) -> str:
    """A name for files, of an entrant's or a control's: readable, and never that of another."""
    if re.fullmatch(r"[\w.]+", name):
        return name
    digest = blake2b(name.encode(), digest_size=3).hexdigest()
    return re.sub(r"[^\w.]+", "-", f"{name}-{digest}")


class Untold:
    """A model that is told of no view where it lies: each is a whole picture to it.

    All else is the model's own.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._model, name)

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return Unplaced(self._model)(x, q)


def entrant(text: str) -> Entrant:
    """A method's name, or `name:setting=value,setting=value`.

    Raises `BadRequest` for names, settings and values that are not possible.
    """
    name, _, rest = text.partition(":")
    pairs = [pair.partition("=") for pair in rest.split(",") if pair]
    for setting, equals, _ in pairs:
        if not equals:
            raise BadRequest(f"{text!r}: {setting} has no value; NAME:SETTING=VALUE is possible")
    settings = {setting.strip().replace("-", "_"): value.strip() for setting, _, value in pairs}
    return Entrant(text, parsed(method_named(name.strip()), settings, base=None))


def entrants(texts: Sequence[str], model: Checkpoint | str) -> list[Entrant]:
    """Those named; where none is, every method that the model is enough for, as it is by default.

    Raises `BadRequest` as `entrant` does, and for one that is named twice.
    """
    if len(set(texts)) < len(texts):
        raise BadRequest(f"an entrant is named twice: {', '.join(texts)}")
    if texts:
        return [entrant(text) for text in texts]
    return [one for one in map(entrant, METHODS) if _suits(one, model)]


def _suits(one: Entrant, model: Checkpoint | str) -> bool:
    """Whether it needs nothing, a ControlNet say, that the model does not have."""
    try:
        Request(model=model, method=one.method)
    except BadRequest:
        return False
    return True


def without_crops(entrant: Entrant) -> Entrant:
    """The same, of a model that is told nothing of where windows lie."""
    return Entrant(entrant.name + _UNTOLD, entrant.method, crops=False)
