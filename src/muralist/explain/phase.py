"""Phases against amplitudes, in Pixelsmith's slider."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from muralist.canvas import Size
from muralist.explain.moment import asked, steps
from muralist.explain.palette import PALETTES, Palette, Theme, painted
from muralist.explain.plate import Panel, magnified, plate, room
from muralist.guides import PhaseMix, Reference
from muralist.methods import Pixelsmith
from muralist.query import Query
from muralist.settings import setting, validate
from muralist.shapes.render import picture
from muralist.shapes.scene import Scene, Thing
from muralist.views import Strided

__all__ = ["Phase"]

_STEPS = 12
_CANVAS = Size(128, 128)
_SCENES = {  # nothing in the middle: the phases of what is its own mirror image are signs
    "ring": Scene((Thing("ring", "orange", "plain", 0.58, 0.44, 0.27),), "blue"),
    "star": Scene((Thing("star", "red", "plain", 0.45, 0.54, 0.27, turn=0.2),), "white"),
    "stripes": Scene(
        (Thing("square", "purple", "striped", 0.46, 0.53, 0.31, turn=0.3, grain=0.9),), "yellow"
    ),
    "dots": Scene((Thing("circle", "green", "dotted", 0.47, 0.52, 0.38, grain=0.4),), "grey"),
}
Name = Literal["ring", "star", "stripes", "dots"]


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Phases say where things are, amplitudes what they are made of.

    Every picture is a sum of waves. Each has an amplitude (how strong it is) and a phase (where its
    crests lie). Where things are is mostly in the phases: with the phases of another picture, a
    picture shows the other's shapes. Pixelsmith (Tragakis et al., 2024) uses that to enlarge a
    picture. For as many steps as its slider says, every patch keeps the amplitudes it has found for
    itself, and turns its phases half way to those of the last, smaller picture; after that it is
    free. Here two pictures that have nothing in common take the places of patch and last picture,
    and what the network does between two steps is left out. (Never at the first step: there the
    canvas is the last picture, under noise.)
    """

    patch: Name = setting("dots", "the picture whose amplitudes are kept")
    last: Name = setting("ring", "the picture that phases are turned to")
    slider: int = setting(3, "steps that are held to the last picture", low=1, high=_STEPS)
    theme: Theme = setting("light", "paper")

    quick: ClassVar = True

    def __post_init__(self) -> None:
        validate(self)

    def __call__(self) -> np.ndarray:
        palette = PALETTES[self.theme]
        patch, last, became = shown(self.patch), shown(self.last), self.became()
        turns = self.slider - 1
        times = "once" if turns == 1 else f"{turns} times"
        named = {
            "The patch": (patch, "what it found for itself"),
            "The last picture": (last, "what it is held to"),
            f"The patch at slider {self.slider}": (
                became,
                f"turned half way {times}" if turns else "not turned: the first step never is",
            ),
        }
        pictures = [
            Panel(magnified(painted(x[0]), room(3)), title, caption)
            for title, (x, caption) in named.items()
        ]
        waves = [
            Panel(
                magnified(spectrum(patch, palette), room(3)),
                "Amplitudes of its waves",
                "long waves in the middle, short ones outside",
            ),
            Panel(
                magnified(spectrum(last, palette), room(3)),
                "Amplitudes of its waves",
                f"its phases lie {apart(patch, last):.0f} degrees from the patch's, on average",
            ),
            Panel(
                magnified(spectrum(became, palette), room(3)),
                "Amplitudes of its waves",
                f"the patch's; its phases lie {apart(became, last):.0f} degrees from the last"
                " picture's, on average",
            ),
        ]
        return plate([*pictures, *waves], 3, palette)

    def mix(self) -> PhaseMix:
        """As Pixelsmith holds patches; here one patch is the whole canvas, and without noise."""
        last = shown(self.last)
        still = Reference(last, torch.zeros_like(last))
        return PhaseMix(still, Pixelsmith(slider=self.slider).mixes, Strided(1))

    def became(self) -> Tensor:
        """The patch after all steps, `1 3 H W` in about [-1, 1]."""
        x, mix = shown(self.patch), self.mix()
        for q in self.questions():
            x = mix(x, q)
        return x

    def questions(self) -> Iterator[Query]:
        for step in steps(_STEPS):
            q = asked(step, _CANVAS)
            yield q.at(Strided(1)(q))


@lru_cache
def shown(name: str) -> Tensor:
    """A picture by name, `1 3 H W` in [-1, 1]; not to be written to."""
    return picture(_SCENES[name])[None]


def apart(x: Tensor, other: Tensor) -> float:
    """The mean angle between the phases of two pictures, over all waves, in degrees."""
    turned = torch.fft.fft2(x) * torch.fft.fft2(other).conj()
    return float(turned.angle().abs().rad2deg().mean())


def spectrum(x: Tensor, palette: Palette) -> np.ndarray:
    """The amplitudes of all waves, over all channels, on a scale of logarithms."""
    waves = torch.fft.fftshift(torch.fft.fft2(x, norm="ortho"), dim=(-2, -1))
    level = waves.abs().mean((0, 1)).clamp(min=1e-6).log10()
    return palette.heated((level + 2) / 3.5)
