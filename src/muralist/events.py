"""What the outer loop says while it paints; interfaces read these and know nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from muralist.canvas import Size
from muralist.decode import Tile
from muralist.picture import Picture, StageResult
from muralist.stage import Explanation

__all__ = [
    "Event",
    "Finished",
    "Resumed",
    "StageBegun",
    "StageDone",
    "Started",
    "Ticked",
    "TileCounted",
    "TileDone",
]


@dataclass(frozen=True, eq=False)
class Started:
    """The stages to come: their canvases in latent cells, and their numbers of steps."""

    sizes: tuple[Size, ...]
    steps: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Resumed:
    """A run is taken up: so many stages are done already, and so many steps of the next."""

    stages: int
    steps: int


@dataclass(frozen=True, eq=False)
class StageBegun:
    """A stage is begun: what came before is enlarged next, which can take long in pixels."""

    stage: int


@dataclass(frozen=True, eq=False)
class Ticked:
    """One step of one stage is done; stages and steps are counted from 1."""

    stage: int
    step: int
    steps: int
    timestep: float
    latents: Tensor  # 1 C H W, at the noise level of the next step
    x0: Tensor  # the clean picture as estimated at this step


@dataclass(frozen=True, eq=False)
class StageDone:
    """One stage is done; its picture is decoded when looked at.

    `explain()` tells why it looks as it does, for methods that can tell.
    """

    stage: int
    result: StageResult
    explain: Callable[[], Explanation] | None = None


@dataclass(frozen=True, eq=False)
class TileCounted:
    """One tile of the finished picture is counted in, before several are decoded.

    They are normalised as one picture: a decoder's group norms are counted one after another.
    """

    norm: int  # from 1; how many a decoder has is not known before
    number: int  # from 1
    count: int


@dataclass(frozen=True, eq=False)
class TileDone:
    """One tile of the finished picture is decoded."""

    number: int  # from 1, in reading order
    count: int
    tile: Tile


@dataclass(frozen=True, eq=False)
class Finished:
    """The picture."""

    picture: Picture


Event: TypeAlias = (
    Started | Resumed | StageBegun | Ticked | StageDone | TileCounted | TileDone | Finished
)
