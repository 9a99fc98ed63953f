"""Patches in random order, and a slider between the last result and freedom."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from muralist.canvas import Size
from muralist.denoisers import Corrected, Framed, Relay, Steered, Tiled
from muralist.errors import BadRequest
from muralist.fuse import FirstOwner
from muralist.guides import Checkerboard, PhaseMix, Reference
from muralist.query import Denoiser, Guided, Step
from muralist.settings import setting, validate
from muralist.stage import Stage, cascade, through_pixels
from muralist.views import Cover, RandomCover, Strided

__all__ = ["Pixelsmith"]


@dataclass(frozen=True, kw_only=True)
class Pixelsmith:
    """Tragakis et al., 2024. Any growth at once, in native patches, first come, first served.

    Each stage starts from the last picture, enlarged in pixels and noised. At the first `slider`
    of its steps, patches turn their phases half way to that picture's, and every other cell
    follows it; after that they are free. At every step patches lie elsewhere; a cell belongs to the
    first patch that sees it.
    """

    slider: int | None = setting(
        None,
        "steps that are held to the last picture, fewer are freer; three of five if unset",
        low=1,
    )
    growth: float = setting(
        2.0, "how much larger a stage is than the last, at most", low=1.1, high=16
    )
    feather: int | None = setting(
        None, "cells over which owners are softened; 10 of 128 of the window if unset", low=0
    )
    patches: Literal["few", "random", "relay"] = setting(
        "few", "as few as cover; around random bare cells; or those, one after another, as released"
    )

    def __post_init__(self) -> None:
        validate(self)

    def stages(self, model: Guided, size: Size) -> Iterator[Stage]:
        first, *larger = cascade(model.native, size, self.growth)
        framed = Framed(model)
        yield Stage(size=first, denoiser=lambda _: Tiled(framed, Strided(1)))
        for each in larger:
            yield self.stage(framed, model.native, each)

    def enlarge(self, model: Guided, start: Size, size: Size) -> Iterator[Stage]:
        least = max(start, model.native, key=lambda each: each.area)
        larger = [each for each in cascade(least, size, self.growth) if each.area > start.area]
        for each in larger or [size]:
            yield self.stage(Framed(model), model.native, each)

    def stage(self, model: Denoiser, native: Size, size: Size) -> Stage:
        """One that starts from the picture before, through pixels, and is held to it."""
        denoiser = partial(self.denoiser, model, native)
        return Stage(size=size, denoiser=denoiser, begin=through_pixels)

    def denoiser(self, model: Denoiser, native: Size, reference: Reference) -> Denoiser:
        """Patches whose phases are mixed with the reference's, and which follow it in part."""
        feather = self.softened(native)
        views = Cover(native, feather) if self.patches == "few" else RandomCover(native)
        mix = PhaseMix(reference, self.mixes, views)
        board = Checkerboard(reference, self.follows)
        if self.patches == "relay":
            return Relay(Corrected(model, board), mix, views, FirstOwner(feather))
        return Tiled(Corrected(Steered(model, mix), board), views, FirstOwner(feather))

    def mixes(self, step: Step) -> float:
        """1 at the steps that the slider holds."""
        return float(step.index < self.held(step.count))

    def follows(self, step: Step) -> float:
        """1 at those that another one follows."""
        return float(step.index < self.held(step.count) - 1)

    def held(self, steps: int) -> int:
        return self.slider or round(steps * 3 / 5)

    def softened(self, native: Size) -> int:
        """Cells over which owners are softened."""
        feather = round(min(native) * 10 / 128) if self.feather is None else self.feather
        if feather >= min(native):
            raise BadRequest(
                f"feather is {feather} latent cells; 0 to {min(native) - 1}, within a patch, are"
                " possible"
            )
        return feather
