"""AccDiffusion whose windows are held to the edges of the last picture."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from muralist.canvas import Size
from muralist.conditions import canny, check_canny
from muralist.denoisers import Uncontrolled
from muralist.errors import BadRequest
from muralist.methods.accdiffusion import AccDiffusion
from muralist.query import Control, Guided
from muralist.settings import held, setting, validate
from muralist.stage import Stage

__all__ = ["AccDiffusion2"]


@dataclass(frozen=True, kw_only=True)
class AccDiffusion2:
    """Lin et al., 2024, the second version. AccDiffusion; windows also see the last stage's edges.

    They see them by a ControlNet for canny edges, which the model has to have: what a window is to
    paint is then told by its own prompt and its own edges. The first stage and the subsamplings are
    asked without it, as released. The release forgets the ControlNet where windows have no prompts
    of their own; here they always have.
    """

    canny_sigma: float = setting(
        0.6, "how far the thresholds of edges lie from the median, as a part of it", low=0, high=1
    )
    controlnet_conditioning_scale: float = setting(
        0.5, "how strongly edges hold the windows", low=0, high=10
    )
    control_guidance_start: float = setting(
        0.0, "fraction of the steps from which edges hold", low=0, high=1
    )
    control_guidance_end: float = setting(
        1.0, "fraction of the steps up to which they do", low=0, high=1
    )
    accdiffusion: AccDiffusion = held(AccDiffusion)

    def __post_init__(self) -> None:
        validate(self)

    def stages(self, model: Guided, size: Size) -> Iterator[Stage]:
        self._check()
        first, *larger = self.accdiffusion.composed(model, Uncontrolled(model), size)
        yield first
        yield from (replace(stage, sketch=self.edges) for stage in larger)

    def enlarge(self, model: Guided, start: Size, size: Size) -> Iterator[Stage]:
        self._check()
        for stage in self.accdiffusion.enlarged(model, Uncontrolled(model), start, size):
            yield replace(stage, sketch=self.edges)

    def _check(self) -> None:
        check_canny()
        start, end = self.control_guidance_start, self.control_guidance_end
        if start >= end:
            raise BadRequest(
                f"control_guidance_start is {start} and control_guidance_end is {end}; the smaller"
                " comes first"
            )

    def edges(self, picture: np.ndarray) -> Control:
        return Control(
            torch.from_numpy(canny(picture, self.canny_sigma)),
            self.controlnet_conditioning_scale,
            self.control_guidance_start,
            self.control_guidance_end,
        )
