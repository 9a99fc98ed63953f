"""The weights of DemoFusion's paths over time."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from muralist.denoisers import Blended, Filtered, Steered
from muralist.explain.chart import Curve, curves, shares
from muralist.explain.moment import steps
from muralist.explain.palette import PALETTES, Theme
from muralist.explain.plate import GAP, Panel, plate, room
from muralist.guides import Blur, Reference, Residual
from muralist.methods import DemoFusion
from muralist.query import Estimate, Query, Step
from muralist.settings import setting, validate

__all__ = ["Weights"]

_STEPS = 50


@dataclass(frozen=True, kw_only=True)
class Weights:
    """At first the last picture and the whole decide, at the end the details.

    DemoFusion (Du et al., 2024) paints a picture larger and larger. Each size starts from the last
    one, enlarged and covered in noise, which a model takes away step by step. Three weights say who
    is listened to, and each falls from 1 as half a wave of a cosine, to a power of its own.
    c1 is how far the canvas is pulled back to the last picture (skip residual). c2 is how much of
    the answer comes from small pictures of the whole (dilated sampling), and what is left comes
    from windows, which see details and nothing else. c3 is how wide the blur is that small pictures
    are taken from. So the composition is settled early, and the details late.
    """

    cosine_scale_1: float = setting(3.0, "power of the skip residual's decay", low=0, high=10)
    cosine_scale_2: float = setting(1.0, "power of the dilated path's decay", low=0, high=10)
    cosine_scale_3: float = setting(1.0, "power of the blur's decay", low=0, high=10)
    step: int = setting(15, "of 50, whose weights are written out", low=1, high=_STEPS)
    theme: Theme = setting("light", "paper")

    quick: ClassVar = True

    def __post_init__(self) -> None:
        validate(self)

    def __call__(self) -> np.ndarray:
        palette, at, width = PALETTES[self.theme], self.step - 1, room(2)
        residual, dilated, blur = zip(*map(self.weights, steps(_STEPS)), strict=True)
        first = Curve("c1, skip residual", residual, palette.first)
        second = Curve("c2, dilated sampling", dilated, palette.second)
        third = Curve("c3, width of the blur", blur, palette.third)
        windows = Curve("windows", [1 - each for each in dilated], palette.quiet)
        own = Curve("as it became", [1 - each for each in residual], palette.quiet)
        c1, c2 = residual[at], dilated[at]
        held = shares(width, 250, first._replace(name="the last picture"), own, at, palette)
        asked = shares(width, 250, second._replace(name="the whole"), windows, at, palette)
        return np.concatenate(
            [
                plate(
                    [
                        Panel(
                            curves(room(1), 380, [first, second, third], at, palette),
                            "Three weights over the steps of a run",
                        )
                    ],
                    1,
                    palette,
                ),
                plate(
                    [
                        Panel(
                            held,
                            "What the model is shown",
                            f"at step {self.step}: {c1:.0%} the last picture at this noise,"
                            f" {1 - c1:.0%} the canvas as it became",
                        ),
                        Panel(
                            asked,
                            "Whose answer is taken",
                            f"at step {self.step}: {c2:.0%} from small pictures of the whole,"
                            f" {1 - c2:.0%} from windows",
                        ),
                    ],
                    2,
                    palette,
                )[GAP:],
            ]
        )

    def weights(self, step: Step) -> tuple[float, float, float]:
        """c1, c2 and c3 at a step, asked of the parts of DemoFusion's expression."""
        residual, dilated, blur = self.parts()
        return residual.ramp(step), dilated.ramp(step), blur.sigma(step)

    def parts(self) -> tuple[Residual, Blended, Blur]:
        method = DemoFusion(
            cosine_scale_1=self.cosine_scale_1,
            cosine_scale_2=self.cosine_scale_2,
            cosine_scale_3=self.cosine_scale_3,
            sigma=1.0,
        )
        nothing = torch.zeros(1, 1, 1, 1)
        held = method.denoiser(_silent, _silent, 2, Reference(nothing, nothing))
        assert isinstance(held, Steered) and isinstance(held.guide, Residual)
        both = held.inner
        assert isinstance(both, Blended) and isinstance(both.far, Filtered)
        assert isinstance(both.far.lens, Blur)
        return held.guide, both, both.far.lens


def _silent(x: torch.Tensor, q: Query) -> Estimate:
    """Nobody is asked: the parts alone are looked at."""
    return Estimate(x, x)
