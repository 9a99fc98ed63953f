"""What the outer loop says while it paints; interfaces read these and know nothing else."""

from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from muralist.canvas import Size
from muralist.picture import Painted, Picture

__all__ = ["Event", "Finished", "StageDone", "Started", "Ticked", "TileDone"]


@dataclass(frozen=True)
class Started:
    """The stages to come: their canvases in latent cells, and their numbers of steps."""

    sizes: tuple[Size, ...]
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Ticked:
    """One step of one stage is done; stages and steps are counted from 1."""

    stage: int
    step: int
    steps: int
    timestep: float
    latents: Tensor  # 1 C H W, at the noise level of the next step
    x0: Tensor  # the clean picture as estimated at this step


@dataclass(frozen=True)
class StageDone:
    """One stage is done; its picture is decoded when looked at."""

    stage: int
    painted: Painted


@dataclass(frozen=True)
class TileDone:
    """One tile of the finished picture is decoded."""

    tile: int
    tiles: int


@dataclass(frozen=True)
class Finished:
    """The picture."""

    picture: Picture


Event: TypeAlias = Started | Ticked | StageDone | TileDone | Finished
