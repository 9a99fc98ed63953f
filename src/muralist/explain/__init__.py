"""The ideas behind the methods as pictures, computed by the methods' own parts."""

from collections.abc import Mapping
from typing import ClassVar, Protocol

import numpy as np

from muralist.errors import BadRequest
from muralist.explain.dilated import Dilated
from muralist.explain.phase import Phase
from muralist.explain.weights import Weights
from muralist.explain.windows import Windows
from muralist.explain.words import Words
from muralist.suggest import did_you_mean

__all__ = [
    "IDEAS",
    "Dilated",
    "Idea",
    "Phase",
    "Weights",
    "Windows",
    "Words",
    "idea_named",
    "said",
]


class Idea(Protocol):
    """A frozen dataclass of settings that computes a picture."""

    quick: ClassVar[bool]  # a fraction of a second, or a picture is painted first

    def __call__(self) -> np.ndarray:
        """`height 1600 3`, uint8."""
        ...


IDEAS: Mapping[str, type[Idea]] = {
    "dilated": Dilated,
    "windows": Windows,
    "weights": Weights,
    "phase": Phase,
    "words": Words,
}


def idea_named(name: str) -> type[Idea]:
    """The class of an idea; `BadRequest` with a suggestion where there is none."""
    if name not in IDEAS:
        raise BadRequest(f"there is no idea {name!r}; {did_you_mean(name, IDEAS)}")
    return IDEAS[name]


def said(idea: type[Idea]) -> tuple[str, str]:
    """An idea in one sentence, and in a paragraph for who has never seen a diffusion model."""
    first, _, rest = (idea.__doc__ or "").partition("\n")
    return first.strip(), " ".join(rest.split())
